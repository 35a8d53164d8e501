"""What would be stored, without storing it (pure)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from edgelet.ports.object_store import Key, StoredObject

_CLIENTS_OWN = frozenset({"labels", "annotations", "ownerReferences"})


def outcome(key: Key, document: dict[str, Any], *, source: str, old: StoredObject | None = None) -> StoredObject:
    """Return the object as it would be: what the store and the agent know of the old version stays."""
    if old is None:
        return StoredObject(key, "", 0, 1, source, "", document)
    metadata = document["metadata"]
    kept = {
        name: value
        for name, value in old.document["metadata"].items()
        if name not in metadata and name not in _CLIENTS_OWN
    }
    shown = {**document, "metadata": {**metadata, **kept}}
    if "status" in old.document:
        shown["status"] = old.document["status"]
    return replace(old, document=shown)
