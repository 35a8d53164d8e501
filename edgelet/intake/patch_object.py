"""Patches held against stored objects: what they may not touch, and what of a status is open to others (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgelet.api.errors import FieldError, InvalidObjectError, NotFoundError
from edgelet.api.pod_status import PodStatus
from edgelet.intake import conform, faults, patch, typed
from edgelet.ports.object_store import Document, StoredObject

# Conditions that only the agent itself knows.
_OWN_CONDITIONS = frozenset(
    {
        "PodReadyToStartContainers",
        "Initialized",
        "Ready",
        "ContainersReady",
        "PodScheduled",
        "DisruptionTarget",
        "AllContainersRestarting",
        "PodResizePending",
        "PodResizeInProgress",
    }
)
_FIXED = ("apiVersion", "kind")
_FIXED_METADATA = ("name", "namespace", "uid", "creationTimestamp")


def patched(old: StoredObject, change: Any, *, patch_type: str) -> dict[str, Any]:
    """Return the patched document.

    Raises:
        DecodeError: The patch has the wrong shape or does not fit.
        InvalidObjectError: It changes what makes the object this object.
    """
    document = patch.apply(old.document, change, patch_type=patch_type)
    metadata = document.get("metadata")
    found = [
        faults.invalid(name, document.get(name), "field is immutable")
        for name in _FIXED
        if document.get(name) != old.document.get(name)
    ]
    if isinstance(metadata, Mapping):
        found += [
            faults.invalid(f"metadata.{name}", metadata.get(name), "field is immutable")
            for name in _FIXED_METADATA
            if metadata.get(name) != old.document["metadata"].get(name)
        ]
    else:
        found.append(faults.required("metadata"))
    if found:
        raise InvalidObjectError(old.key.kind, old.key.name, tuple(found))
    return document


def names_version(change: Any) -> bool:
    """Whether a patch says which resourceVersion it is meant for."""
    metadata = change.get("metadata") if isinstance(change, Mapping) else None
    return isinstance(metadata, Mapping) and bool(metadata.get("resourceVersion"))


def status(old: StoredObject, change: Any, *, patch_type: str, subresource: str) -> Document:
    """Return the status with the conditions that a patch sets or removes; all else in it is the agent's alone.

    Raises:
        NotFoundError: There is no such subresource.
        DecodeError, InvalidObjectError: The patch does not fit, or leaves something that is no pod status.
    """
    if subresource != "status" or old.key.kind != "Pod":
        raise NotFoundError(f"the server could not find the requested resource: {old.key.kind} has no {subresource}")
    before: dict[str, Any] = dict(old.document.get("status") or {})
    document = patch.apply({**old.document, "status": before}, change, patch_type=patch_type)
    wanted = document.get("status")
    if wanted is None:
        wanted = {}
    if not isinstance(wanted, Mapping):
        fault = FieldError("status", "Invalid value: must be a mapping", "FieldValueTypeInvalid")
        raise InvalidObjectError("Pod", old.key.name, (fault,))
    shaped = conform.conform(wanted, PodStatus)
    parsed, wrong = typed.parse(shaped.document, PodStatus)
    if wrong or parsed is None:
        below = tuple(FieldError(f"status.{fault.path}", fault.message, fault.reason) for fault in wrong)
        raise InvalidObjectError("Pod", old.key.name, below)
    own = [one for one in before.get("conditions", ()) if one["type"] in _OWN_CONDITIONS]
    others = [one.to_document() for one in parsed.conditions if one.type not in _OWN_CONDITIONS]
    conditions = [*own, *others]
    return {**before, "conditions": conditions} if conditions else before
