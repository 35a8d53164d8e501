"""The subresource resize: cpu and memory of containers that run (pure).

Source: Kubernetes pkg/registry/core/pod/strategy.go (podResizeStrategy), ValidatePodResize.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edgelet.api import qos
from edgelet.api.errors import FieldError
from edgelet.api.pod import Pod
from edgelet.intake import faults, field_path
from edgelet.ports.object_store import Document

_PARTS = ("containers", "initContainers")
_MUTABLE = frozenset({"cpu", "memory"})
_ONLY = "only cpu and memory resources are mutable"


def narrowed(old: Document, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the old document with the resources of the wanted containers."""
    spec = wanted.get("spec")
    said = spec if isinstance(spec, Mapping) else {}
    taken = {part: _containers(old["spec"][part], said.get(part)) for part in _PARTS if old["spec"].get(part)}
    return {**old, "spec": {**old["spec"], **taken}}


def _containers(old: list[Any], said: Any) -> list[Any]:
    by_name = {one["name"]: one for one in _named(said)}
    return [{**one, "resources": by_name.get(one["name"], one).get("resources", {})} for one in old]


def _named(said: Any) -> list[Mapping[str, Any]]:
    found = said if isinstance(said, list) else []
    return [one for one in found if isinstance(one, Mapping) and isinstance(one.get("name"), str)]


def check(old: Document, wanted: Mapping[str, Any], admitted: Mapping[str, Any]) -> tuple[FieldError, ...]:
    """Return what a resize may not do."""
    found: list[FieldError] = []
    spec = wanted.get("spec")
    for part in _PARTS:
        said = [one["name"] for one in _named(spec.get(part) if isinstance(spec, Mapping) else None)]
        if said and said != [one["name"] for one in old["spec"].get(part, ())]:
            found.append(faults.forbidden(f"spec.{part}", "containers may not be renamed or reordered on resize"))
        pairs = zip(old["spec"].get(part, ()), admitted["spec"].get(part, ()), strict=True)
        for index, (before, after) in enumerate(pairs):
            path = field_path.join(f"spec.{part}", index)
            if part == "initContainers" and before.get("restartPolicy") != "Always":
                if before.get("resources", {}) != after.get("resources", {}):
                    found.append(faults.forbidden(path, "resources for non-sidecar init containers are immutable"))
            else:
                found += _amounts(before.get("resources", {}), after.get("resources", {}), f"{path}.resources")
    return tuple(found) or tuple(_qos(old, admitted))


def _amounts(before: Mapping[str, Any], after: Mapping[str, Any], path: str) -> Iterator[FieldError]:
    for kind in ("limits", "requests"):
        old, new = before.get(kind, {}), after.get(kind, {})
        if {name: amount for name, amount in old.items() if name not in _MUTABLE} != {
            name: amount for name, amount in new.items() if name not in _MUTABLE
        }:
            yield faults.forbidden("spec", _ONLY)
        if any(name in old and name not in new for name in _MUTABLE):
            yield faults.forbidden(f"{path}.{kind}", f"resource {kind} cannot be removed")
    if before.get("claims") != after.get("claims"):
        yield faults.forbidden("spec", _ONLY)


def _qos(old: Document, admitted: Mapping[str, Any]) -> Iterator[FieldError]:
    before, after = (qos.of(Pod.model_validate({**one, "status": {}})) for one in (old, admitted))
    if before != after:
        yield faults.invalid("spec", after, "Pod QOS Class may not change as a result of resizing")
