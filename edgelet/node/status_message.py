"""What is published about the node and its objects: bodies as plain data, and their bytes. Pure."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from edgelet.api import kinds
from edgelet.ports.object_store import Document, Key, StoredObject

_METADATA = (
    "name",
    "namespace",
    "uid",
    "generation",
    "labels",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)
_HEARTBEATS = frozenset({"lastHeartbeatTime", "resourceVersion"})


def of_object(stored: StoredObject, refusal: Document | None) -> dict[str, Any]:
    """Return the body about one object: metadata without annotations, status, what was applied, what was refused.

    Never spec or data: the sender has them, and a Secret's must not leave the board.
    """
    metadata = stored.document["metadata"]
    body: dict[str, Any] = {
        "apiVersion": stored.document.get("apiVersion", "v1"),
        "kind": stored.key.kind,
        "metadata": {name: metadata[name] for name in _METADATA if metadata.get(name) is not None},
        "source": stored.source,
        "appliedDigest": _told_digest(stored),
    }
    status = stored.document.get("status")
    if status is not None:
        body["status"] = status
    observed = (status or {}).get("observedGeneration") if stored.key.kind == "Pod" else stored.generation
    if observed is not None:
        body["observedGeneration"] = observed
    if refusal is not None:
        body["error"] = refusal
    return body


def _told_digest(stored: StoredObject) -> str:
    """Return the payload's digest. The broker has what it sent; by that of a local Secret it could try passwords."""
    return "" if stored.key.kind == "Secret" and stored.source != "mqtt" else stored.digest


def of_refusal(key: Key | None, refusal: Document) -> dict[str, Any]:
    """Return the body where there is no object: only the refusal, and whose it would have been."""
    if key is None:
        return {"error": refusal}
    kind = kinds.of_kind(key.kind)
    metadata = {"name": key.name, "namespace": key.namespace} if key.namespace else {"name": key.name}
    api_version = kind.api_version if kind is not None else "v1"
    return {"apiVersion": api_version, "kind": key.kind, "metadata": metadata, "error": refusal}


def too_large(body: dict[str, Any], refusal: Document) -> dict[str, Any]:
    """Return the body without its status, for a broker that takes only small packets."""
    return {**{name: value for name, value in body.items() if name != "status"}, "error": refusal}


def encode(body: Document, *, boot_id: str, seq: int) -> bytes:
    """Return the payload. (bootID, seq) lets a reader drop what arrives twice or late."""
    return json.dumps({**body, "bootID": boot_id, "seq": seq}, separators=(",", ":"), ensure_ascii=False).encode()


def online(state: str, *, boot_id: str, connection: int, since: str) -> bytes:
    """Return the payload of status/online: birth, goodbye, and the will of the same connection."""
    body = {"state": state, "bootID": boot_id, "connection": connection, "since": since}
    return json.dumps(body, separators=(",", ":")).encode()


def digest(body: Document) -> bytes:
    """Return what tells two bodies apart; heartbeats and resourceVersions are no difference."""
    text = json.dumps(_without_heartbeats(body), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).digest()[:16]


def _without_heartbeats(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_heartbeats(item) for name, item in value.items() if name not in _HEARTBEATS}
    if isinstance(value, (list, tuple)):
        return [_without_heartbeats(item) for item in value]
    return value
