"""What kubectl asks before anything else: groups, versions, and the resources in them. Pure."""

from __future__ import annotations

from typing import Any

from edgelet.api.kinds import Kind
from edgelet.ports.object_store import Document
from edgelet.remote.route import METRICS, SERVED, SUBRESOURCES

_ALL_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_READ_VERBS = ["get", "list", "watch"]
_METRICS_VERBS = ["get", "list"]
_SUBRESOURCE_VERBS = {
    "status": ["get", "patch", "update"],
    "log": ["get"],
    "exec": ["create", "get"],
    "attach": ["create", "get"],
    "portforward": ["create", "get"],
    "ephemeralcontainers": ["get", "patch", "update"],
    "resize": ["get", "patch", "update"],
}
_KIND_OF_SUBRESOURCE = {"exec": "PodExecOptions", "attach": "PodAttachOptions", "portforward": "PodPortForwardOptions"}


def document(segments: tuple[str, ...]) -> Document | None:
    """Return the discovery document of a path, None where there is no such group or version."""
    match segments:
        case ("api",):
            return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
        case ("api", version):
            return _resources(version)
        case ("apis",):
            groups = [_group(one) for one in _groups()]
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
        case ("apis", name):
            found = name in _groups()
            return {"kind": "APIGroup", "apiVersion": "v1"} | _group(name) if found else None
        case ("apis", name, version):
            return _resources(f"{name}/{version}")
        case _:
            return None


def version(edgelet_version: str) -> Document:
    """Return what /version says: the Kubernetes that is spoken, and edgelet's own version behind the plus."""
    return {
        "major": "1",
        "minor": "35",
        "gitVersion": f"v1.35.0+edgelet-{edgelet_version}",
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "",
        "goVersion": "",
        "compiler": "",
        "platform": "",
    }


def _groups() -> tuple[str, ...]:
    return tuple(dict.fromkeys(kind.group for kind in (*SERVED, *METRICS) if kind.group))


def _group(name: str) -> dict[str, Any]:
    found = dict.fromkeys(kind.api_version for kind in (*SERVED, *METRICS) if kind.group == name)
    versions = [{"groupVersion": one, "version": one.rpartition("/")[2]} for one in found]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def _resources(group_version: str) -> Document | None:
    found = [kind for kind in (*SERVED, *METRICS) if kind.api_version == group_version]
    if not found:
        return None
    resources = [entry for kind in found for entry in _entries(kind)]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}


def _entries(kind: Kind) -> list[dict[str, Any]]:
    common = {"singularName": kind.singular, "namespaced": kind.namespaced, "kind": kind.kind}
    main: dict[str, Any] = {"name": kind.plural, **common, "verbs": _verbs(kind)}
    if kind.short_names:
        main["shortNames"] = list(kind.short_names)
    if kind.kind == "Pod":
        main["categories"] = ["all"]
    return [
        main,
        *(
            {
                "name": f"{kind.plural}/{name}",
                **common,
                "kind": _KIND_OF_SUBRESOURCE.get(name, kind.kind),
                "singularName": "",
                "verbs": _SUBRESOURCE_VERBS[name],
            }
            for name in SUBRESOURCES.get(kind.kind, ())
        ),
    ]


def _verbs(kind: Kind) -> list[str]:
    if kind in METRICS:
        return _METRICS_VERBS
    return _READ_VERBS if kind.support == "read-only" else _ALL_VERBS
