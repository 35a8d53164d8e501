"""The subresource ephemeralcontainers: they are added to a pod that is there, never changed and never removed (pure).

Source: Kubernetes pkg/registry/core/pod/strategy.go, ValidatePodEphemeralContainersUpdate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgelet.api.errors import FieldError
from edgelet.intake import faults
from edgelet.ports.object_store import Document

_FIELD = "ephemeralContainers"
_PATH = f"spec.{_FIELD}"


def narrowed(old: Document, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the old document with the ephemeral containers of the wanted one."""
    return {**old, "spec": {**old["spec"], _FIELD: _said(wanted)}}


def _said(wanted: Mapping[str, Any]) -> Any:
    spec = wanted.get("spec")
    said = spec.get(_FIELD) if isinstance(spec, Mapping) else None
    return [] if said is None else said


def check(old: Document, wanted: Mapping[str, Any], admitted: Mapping[str, Any]) -> tuple[FieldError, ...]:
    """Return a fault for every one that would vanish or become another one."""
    kept = {one.get("name") for one in _said(wanted) if isinstance(one, Mapping)}
    after = {one["name"]: one for one in admitted["spec"].get(_FIELD, ())}
    found = []
    for one in old["spec"].get(_FIELD, ()):
        name = one["name"]
        if name not in kept:
            found.append(faults.forbidden(_PATH, f'existing ephemeral containers "{name}" may not be removed'))
        elif after[name] != one:
            found.append(faults.forbidden(_PATH, f'existing ephemeral containers "{name}" may not be changed'))
    return tuple(found)
