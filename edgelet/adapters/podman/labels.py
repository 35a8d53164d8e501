"""Labels and names on Podman's objects: how a restarted agent finds what is its own."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from edgelet.ports.runtime import ContainerSpec, PodRef, SandboxSpec

OWNER = "edgelet.owner"
POD_UID = "edgelet.pod.uid"
POD_NAMESPACE = "edgelet.pod.namespace"
POD_NAME = "edgelet.pod.name"
CONTAINER_NAME = "edgelet.container.name"
CONTAINER_INSTANCE = "edgelet.container.instance"
CONTAINER_HASH = "edgelet.container.hash"
CONTAINER_IMAGE = "edgelet.container.image"  # name@digest: the engine is asked by id, and knows only that
SANDBOX_ATTEMPT = "edgelet.sandbox.attempt"
SANDBOX_NAMESPACES = "edgelet.sandbox.namespaces"
SANDBOX_ID = "edgelet.sandbox.id"  # of containers whose sandbox is no object of Podman's

_PREFIX = "edgelet."
_FOREIGN = re.compile(r"[^a-zA-Z0-9.-]")  # "_" joins the parts, so no part may have one
_FIRST = re.compile(r"[a-zA-Z0-9]")
_PART_LIMIT_CHARS = 63
_PARTS = 5


@dataclass(frozen=True, slots=True)
class HostNamespaces:
    """What a container of the pod must be told again, since joining the infra container does not give it.

    Podman 4.3 ignores `ipcns` of a pod, and in a pod on the host's network each container has its own resolv.conf.
    """

    network: bool = False
    ipc: bool = False
    pid: bool = False
    dns_servers: tuple[str, ...] = ()
    dns_searches: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()


def pod_name(pod: PodRef, attempt: int) -> str:
    """Return the one name a sandbox has, so that creating it twice is a conflict."""
    return "_".join((*_pod_parts(pod), str(attempt)))


def infra_name(pod: PodRef, attempt: int) -> str:
    """Return the name of the sandbox's infra container."""
    return pod_name(pod, attempt) + "_infra"


def container_name(pod: PodRef, container: str, instance: int) -> str:
    """Return the one name an instance has, so that creating it twice is a conflict."""
    return "_".join((*_pod_parts(pod), _part(container), str(instance)))


def is_name_of_ours(name: str) -> bool:
    """Whether it looks like what the functions above give: for objects that lost their labels."""
    parts = name.split("_")
    numbered = len(parts) == _PARTS and (parts[4].isdecimal() or (parts[3].isdecimal() and parts[4] == "infra"))
    return numbered and all(parts)


def of_sandbox(spec: SandboxSpec, owner: str) -> dict[str, str]:
    """Return the labels of a pod; Podman gives them to its infra container too."""
    return {
        **_of_pod(spec.pod, owner),
        SANDBOX_ATTEMPT: str(spec.attempt),
        SANDBOX_NAMESPACES: _write_namespaces(shared_with_host(spec)),
    }


def shared_with_host(spec: SandboxSpec) -> HostNamespaces:
    """Return what a sandbox has of the host, with the resolver that each container is told then."""
    return HostNamespaces(
        network=spec.host_network,
        ipc=spec.host_ipc,
        pid=spec.host_pid,
        dns_servers=spec.dns_servers if spec.host_network else (),
        dns_searches=spec.dns_searches if spec.host_network else (),
        dns_options=spec.dns_options if spec.host_network else (),
    )


def of_container(spec: ContainerSpec, owner: str, *, pinned: str = "") -> dict[str, str]:
    """Return the labels of a container: the caller's own, and ours over them. `pinned`: the id of such a sandbox."""
    return {
        **spec.labels,
        **_of_pod(spec.pod, owner),
        CONTAINER_NAME: spec.name,
        CONTAINER_INSTANCE: str(spec.instance),
        CONTAINER_HASH: spec.spec_hash,
        **({CONTAINER_IMAGE: spec.image_ref} if spec.image_ref else {}),
        **({SANDBOX_ID: pinned} if pinned else {}),
    }


def further(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels that are not ours."""
    return {key: value for key, value in labels.items() if not key.startswith(_PREFIX)}


def pod_of(labels: Mapping[str, str]) -> PodRef | None:
    """Return which pod an object belongs to, None where a label is missing."""
    try:
        return PodRef(labels[POD_UID], labels[POD_NAMESPACE], labels[POD_NAME])
    except KeyError:
        return None


def number(labels: Mapping[str, str], name: str) -> int:
    """Return a label that is a number; 0 where it is none."""
    text = labels.get(name, "")
    return int(text) if text.isdecimal() else 0


def namespaces(labels: Mapping[str, str]) -> HostNamespaces:
    """Return what `of_sandbox` wrote down; nothing of the host's where it cannot be read."""
    try:
        document = json.loads(labels.get(SANDBOX_NAMESPACES, "{}"))
        return HostNamespaces(
            network=bool(document.get("network")),
            ipc=bool(document.get("ipc")),
            pid=bool(document.get("pid")),
            dns_servers=tuple(document.get("dnsServers", ())),
            dns_searches=tuple(document.get("dnsSearches", ())),
            dns_options=tuple(document.get("dnsOptions", ())),
        )
    except (ValueError, AttributeError, TypeError):
        return HostNamespaces()


def _of_pod(pod: PodRef, owner: str) -> dict[str, str]:
    return {OWNER: owner, POD_UID: pod.uid, POD_NAMESPACE: pod.namespace, POD_NAME: pod.name}


def _write_namespaces(value: HostNamespaces) -> str:
    full: dict[str, object] = {
        "network": value.network,
        "ipc": value.ipc,
        "pid": value.pid,
        "dnsServers": value.dns_servers,
        "dnsSearches": value.dns_searches,
        "dnsOptions": value.dns_options,
    }
    return json.dumps({key: what for key, what in full.items() if what}, separators=(",", ":"))


def _pod_parts(pod: PodRef) -> tuple[str, str, str]:
    # The uid alone tells pods apart; name and namespace are for people who read `podman ps`.
    name = _part(pod.name) if _FIRST.match(pod.name) else "p" + _part(f"_{pod.name}")
    return (name, _part(pod.namespace), _part(pod.uid))


def _part(text: str) -> str:
    """Return the text as Podman takes it in a name; one that had to be changed gets a piece of its hash."""
    clean = _FOREIGN.sub("-", text)
    if clean == text and len(text) <= _PART_LIMIT_CHARS:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return f"{clean[: _PART_LIMIT_CHARS - 13]}-{digest}"
