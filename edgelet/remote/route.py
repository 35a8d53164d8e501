"""Which resource a path means. Pure: no request, no store."""

from __future__ import annotations

from dataclasses import dataclass

from edgelet.api import kinds
from edgelet.api.kinds import Kind

METRICS_GROUP_VERSION = "metrics.k8s.io/v1beta1"

# Kinds that are served: acted on, or made by the agent itself. Those for later do not exist for a client.
SERVED = tuple(kind for kind in kinds.KINDS if kind.support != "later")
METRICS = (
    Kind("NodeMetrics", "nodes", "", (), METRICS_GROUP_VERSION, namespaced=False, support="read-only"),
    Kind("PodMetrics", "pods", "", (), METRICS_GROUP_VERSION, support="read-only"),
)
POD_STREAMS = ("log", "exec", "attach", "portforward")
SUBRESOURCES = {"Pod": ("status", "ephemeralcontainers", "resize", *POD_STREAMS), "Namespace": ("status",)}

_BY_PATH = {(kind.api_version, kind.plural): kind for kind in (*SERVED, *METRICS)}
_LONGEST = 3  # plural, name, subresource


@dataclass(frozen=True, slots=True)
class Discovery:
    """What there is: `segments` is the path below the root: api, api/v1, apis, apis/GROUP, apis/GROUP/VERSION."""

    segments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Collection:
    """All objects of a kind; `namespace` None means all of them (or that there are none)."""

    kind: Kind
    namespace: str | None


@dataclass(frozen=True, slots=True)
class One:
    """One object, or one of its subresources. `namespace` is "" for cluster-scoped kinds."""

    kind: Kind
    namespace: str
    name: str
    subresource: str = ""


Route = Discovery | Collection | One


def parse(segments: tuple[str, ...]) -> Route | None:
    """Return what a path below / means; None where it means nothing.

    A segment may hold anything, also "/" and "..": it is only ever compared and used as a dictionary's key.
    """
    match segments:
        case ("api",) | ("apis",) | ("api", "v1") | ("apis", _) | ("apis", _, _):
            return Discovery(segments)
        case ("api", "v1", *rest):
            return _resource("v1", tuple(rest))
        case ("apis", group, version, *rest) if group:
            return _resource(f"{group}/{version}", tuple(rest))
        case _:
            return None


def _resource(api_version: str, rest: tuple[str, ...]) -> Route | None:
    namespace: str | None = None
    if len(rest) > 2 and rest[0] == "namespaces" and rest[2] not in SUBRESOURCES["Namespace"]:  # noqa: PLR2004
        namespace, rest = rest[1], rest[2:]
    kind = _BY_PATH.get((api_version, rest[0]))
    if kind is None or len(rest) > _LONGEST or not all(rest) or namespace == "":
        return None
    if namespace is not None and not kind.namespaced:
        return None
    if len(rest) == 1:
        return Collection(kind, namespace)
    if kind.namespaced and namespace is None:
        return None
    subresource = rest[2] if len(rest) == _LONGEST else ""
    if subresource and subresource not in SUBRESOURCES.get(kind.kind, ()):
        return None
    return One(kind, namespace or "", rest[1], subresource)
