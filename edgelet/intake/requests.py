"""What somebody wants stored: which object a document is about, before anything else of it is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from edgelet.api import kinds
from edgelet.api.errors import ForbiddenError, NotFoundError
from edgelet.api.kinds import Kind
from edgelet.intake import words
from edgelet.ports.object_store import Document, Key, StoredObject

DECLARATIVE = frozenset({"mqtt", "file"})  # sources that say what is wanted, not what to do


@dataclass(frozen=True, slots=True)
class Request:
    """One object that somebody wants stored."""

    key: Key
    kind: Kind
    document: Document
    source: str
    digest: str = ""
    strict: bool = False
    dry_run: bool = False


def read(
    document: Document, default_namespace: str, source: str, digest: str, *, strict: bool, dry_run: bool
) -> Request:
    """Find out which object a document is about; whether its name is a good one is judged later.

    Raises:
        NotFoundError: There is no such kind, or not yet.
        ForbiddenError: Nobody but the agent makes such an object.
    """
    version, word = document.get("apiVersion"), document.get("kind")
    kind = kinds.of_document(version, word) if isinstance(version, str) and isinstance(word, str) else None
    if kind is None:
        raise NotFoundError(f'no matches for kind "{word}" in version "{version}"')
    metadata = document.get("metadata")
    metadata = dict(metadata) if isinstance(metadata, Mapping) else metadata
    name = namespace = ""
    if metadata is None:
        metadata = {}
    if isinstance(metadata, dict):
        if kind.namespaced and not metadata.get("namespace"):
            metadata["namespace"] = default_namespace
        name, namespace = _text(metadata.get("name")), _text(metadata.get("namespace"))
    key = Key(kind.kind, namespace if kind.namespaced else "", name)
    check_kind(key)
    return Request(key, kind, {**document, "metadata": metadata}, source, digest, strict, dry_run)


def with_name(request: Request, name: str) -> Request:
    """Return the request for an object of this name."""
    document = {**request.document, "metadata": {**request.document["metadata"], "name": name}}
    return replace(request, key=replace(request.key, name=name), document=document)


def check_kind(key: Key) -> None:
    """Refuse what nobody may store here. Raises NotFoundError, ForbiddenError."""
    kind = kinds.of_kind(key.kind)
    if kind is None:
        raise NotFoundError(f'no matches for kind "{key.kind}"')
    if kind.support == "later":
        raise NotFoundError(
            f'kind "{kind.kind}" in version "{kind.api_version}" is not supported by this version of edgelet'
        )
    if kind.support == "read-only":
        raise ForbiddenError(f"{words.named(key)} is forbidden: the agent itself makes and keeps it")


def check_preconditions(request: Request, old: StoredObject) -> None:
    """Hold resourceVersion and uid of the document against what is there. Raises ConflictError.

    A document that lies on a broker or in a folder is no answer to something that was read; what it says there is old.
    """
    metadata = request.document["metadata"]
    if request.source in DECLARATIVE or not isinstance(metadata, Mapping):
        return
    if (version := metadata.get("resourceVersion")) and version != str(old.resource_version):
        raise words.modified(old.key)
    if (uid := metadata.get("uid")) and uid != old.uid:
        raise words.other_uid(old.key, str(uid), old.uid)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
