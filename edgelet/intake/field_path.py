"""Paths of fields as Kubernetes writes them: spec.containers[1].ports[0].hostPort, metadata.labels[app]."""

from __future__ import annotations

from collections.abc import Iterable

# Maps with free keys: their keys stand in brackets.
MAPS = frozenset(
    {
        "labels",
        "annotations",
        "data",
        "stringData",
        "binaryData",
        "limits",
        "requests",
        "nodeSelector",
        "matchLabels",
        "overhead",
        "allocatedResources",
        "capacity",
        "allocatable",
    }
)


def join(path: str, step: str | int) -> str:
    """Return the path one step further down."""
    if isinstance(step, int) or path.rpartition(".")[2] in MAPS:
        return f"{path}[{step}]"
    return f"{path}.{step}" if path else step


def of(steps: Iterable[str | int]) -> str:
    """Return the path of steps from the root of a document."""
    path = ""
    for step in steps:
        path = join(path, step)
    return path
