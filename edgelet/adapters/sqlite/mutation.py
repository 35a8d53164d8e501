"""What a write makes of an object: pure, from the stored version to the next one.

Each decider returns the very entry it was given where nothing changes, so that the caller sees it by identity.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from edgelet.api.errors import ConflictError, NotFoundError
from edgelet.ports.object_store import GRACE_MAX_S, Document, Key, StoredObject

# What the store itself owns in metadata: whatever a document says there is not listened to.
_OWNED = frozenset(
    {
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    }
)


@dataclass(frozen=True, slots=True)
class Entry:
    """An object as the store keeps it.

    `size_bytes` is the JSON text of its desired part; `on_disk` says whether disk and memory agree (a status that is
    not durable makes it False until the next durable write).
    """

    object: StoredObject
    size_bytes: int
    on_disk: bool = False
    kept: str = ""  # the row's text of an object that is unreadable: written back as it is


@dataclass(frozen=True, slots=True)
class Wanted:
    """The desired part of an object, parsed back from its JSON text: nobody else holds a reference into it."""

    key: Key
    document: dict[str, Any]
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Claim:
    """On whose behalf, and against which version, an object is put."""

    source: str
    digest: str
    expected_version: int | None


def wanted(key: Key, document: Document) -> Wanted:
    """Take the desired part out of a document. Raises TypeError or ValueError for what JSON cannot say."""
    text = json.dumps(_desired(key, document), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Wanted(key, json.loads(text), len(text.encode()))


def put(current: Entry | None, request: Wanted, claim: Claim, *, version: int, now: datetime, uid: str) -> Entry:
    """Create or replace the desired part. Raises ConflictError."""
    _check_claim(current, request.key, claim)
    if current is None:
        owned = {"uid": uid, "creationTimestamp": _stamp(now), "generation": 1}
        made = StoredObject(
            request.key, uid, 0, 1, claim.source, claim.digest, _complete(request.document, owned, None)
        )
        return Entry(_versioned(made, version), request.size_bytes)
    old = current.object
    if not old.unreadable and _desired(request.key, old.document) == request.document:
        # A put without a payload of its own says nothing against the payload the object came from.
        if claim.digest in ("", old.digest):
            return current
        return replace(current, object=replace(old, digest=claim.digest), on_disk=False)
    generation = old.generation + (request.document.get("spec") != old.document.get("spec"))
    owned = {name: value for name, value in old.document["metadata"].items() if name in _OWNED}
    document = _complete(request.document, {**owned, "generation": generation}, old.document.get("status"))
    changed = replace(old, generation=generation, digest=claim.digest, document=document, unreadable="")
    return Entry(_versioned(changed, version), request.size_bytes)


def put_status(current: Entry, status: dict[str, Any], *, version: int) -> Entry:
    """Replace the status."""
    old = current.object
    if old.document.get("status") == status:
        return current
    changed = _versioned(replace(old, document={**old.document, "status": status}), version)
    return replace(current, object=changed, on_disk=False)


def mark_deleted(
    current: Entry | None, key: Key, *, uid: str | None, grace_s: int, version: int, now: datetime
) -> Entry:
    """Ask for deletion, or shorten the grace of one that is under way. Raises NotFoundError, ConflictError.

    Source: Kubernetes rest.BeforeDelete: a shorter grace counts from the first asking and is no new generation.
    """
    if current is None:
        raise NotFoundError(f"cannot delete {key}: there is no such object")
    old = current.object
    if uid is not None and uid != old.uid:
        raise ConflictError(f"cannot delete {key}: its uid is {old.uid}, not {uid}; it was made anew meanwhile")
    metadata = dict(old.document["metadata"])
    grace_s = min(grace_s, GRACE_MAX_S)
    if old.deleting:
        before_s = int(metadata.get("deletionGracePeriodSeconds", 0))
        if grace_s >= before_s:
            return current
        asked_at = _parse(metadata["deletionTimestamp"]) - timedelta(seconds=before_s)
    else:
        asked_at = now
        metadata["generation"] = old.generation + 1
    metadata["deletionTimestamp"] = _stamp(asked_at + timedelta(seconds=grace_s))
    metadata["deletionGracePeriodSeconds"] = grace_s
    changed = replace(old, generation=metadata["generation"], document={**old.document, "metadata": metadata})
    return replace(current, object=_versioned(changed, version), on_disk=False)


def farewell(current: Entry, *, version: int) -> StoredObject:
    """The last version of an object that is taken out, with a resourceVersion of its own for those who watch."""
    return _versioned(current.object, version)


def _check_claim(current: Entry | None, key: Key, claim: Claim) -> None:
    expected = claim.expected_version
    if current is None:
        if expected:
            raise ConflictError(f"cannot update {key}: it is not at version {expected}, it is gone")
        return
    old = current.object
    if expected == 0:
        hint = "; it is being deleted" if old.deleting else ""
        raise ConflictError(f"cannot create {key}: it already exists{hint}", reason="AlreadyExists")
    if old.source != claim.source:
        raise ConflictError(
            f'cannot change {key}: it belongs to source "{old.source}", not to "{claim.source}"; '
            "change it there, or delete it there first"
        )
    if expected is not None and expected != old.resource_version:
        raise ConflictError(
            f"cannot update {key}: it was changed meanwhile (version {old.resource_version}, not {expected}); "
            "read it again and apply the change to that"
        )


def _desired(key: Key, document: Document) -> dict[str, Any]:
    metadata = {name: value for name, value in document.get("metadata", {}).items() if name not in _OWNED}
    metadata["name"] = key.name
    if key.namespace:
        metadata["namespace"] = key.namespace
    desired = {name: value for name, value in document.items() if name != "status"}
    desired["metadata"] = metadata
    return desired


def _complete(desired: Document, owned: dict[str, Any], status: Any) -> dict[str, Any]:
    document = {**desired, "metadata": {**desired["metadata"], **owned}}
    if status is not None:
        document["status"] = status
    return document


def _versioned(changed: StoredObject, version: int) -> StoredObject:
    metadata = {**changed.document["metadata"], "resourceVersion": str(version)}
    return replace(changed, resource_version=version, document={**changed.document, "metadata": metadata})


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _parse(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp)
