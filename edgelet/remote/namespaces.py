"""Namespaces exist by being used: those that were made, `default`, and every one that holds an object. Pure."""

from __future__ import annotations

import hashlib
from typing import Any

from edgelet.ports.object_store import Document, ObjectStore
from edgelet.remote.route import SERVED

DEFAULT = "default"
STORED_KINDS = tuple(kind.kind for kind in SERVED if kind.namespaced and kind.support == "acted")


def documents(store: ObjectStore) -> tuple[Document, ...]:
    """Return all namespaces, sorted by name."""
    stored = {one.key.name: _with_phase(one.document) for one in store.list("Namespace")}
    used = {one.key.namespace for kind in STORED_KINDS for one in store.list(kind)}
    implicit = {name: _implicit(name) for name in (used | {DEFAULT}) - stored.keys()}
    found = stored | implicit
    return tuple(found[name] for name in sorted(found))


def _with_phase(document: Document) -> Document:
    status: dict[str, Any] = dict(document.get("status") or {})
    deleting = bool(document["metadata"].get("deletionTimestamp"))
    return {**document, "status": {**status, "phase": "Terminating" if deleting else "Active"}}


def _implicit(name: str) -> Document:
    # The same uid at every look: clients tell a namespace made anew by it.
    digest = hashlib.sha256(f"edgelet/namespace/{name}".encode()).hexdigest()
    uid = f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"
    labels = {"kubernetes.io/metadata.name": name}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "uid": uid, "labels": labels},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }
