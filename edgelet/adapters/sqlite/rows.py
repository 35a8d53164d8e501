"""Objects as rows of the database. A Secret's row holds nothing of it that can be read without the node's key.

What stands in clear is what the columns say, the Secret's type, and when it was made. Everything else, the digest of
its payload too (who knows it can try passwords against it), is sealed and bound to kind, namespace, name and uid.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from edgelet.adapters.sqlite.mutation import Entry
from edgelet.api import pae
from edgelet.ports.object_store import Document, Key, StoredObject
from edgelet.ports.sealing import AtRest, UnreadableError

SEALED_KINDS = frozenset({"Secret", "SignedSecret"})  # the second: signed payloads of Secrets that wait for their index

_MARK = "edgelet/sealed"
_PURPOSE = b"edgelet secret at rest v1"

Row = tuple[Any, ...]


def to_row(entry: Entry, at_rest: AtRest | None) -> Row:
    """Return the row of an entry. Raises UnreadableError for a Secret where there is no key."""
    stored = entry.object
    digest, text = stored.digest, entry.kept
    if not text:
        text = json.dumps(stored.document, ensure_ascii=False, separators=(",", ":"))
        if stored.key.kind in SEALED_KINDS and at_rest is not None:
            digest, text = "", _sealed(stored, at_rest)
    key = (stored.key.kind, stored.key.namespace, stored.key.name)
    facts = (stored.uid, stored.resource_version, stored.generation, stored.source, digest, entry.size_bytes)
    return (*key, *facts, text)


def to_entry(row: Row, at_rest: AtRest | None) -> Entry:
    """Return the entry of a row; a Secret that cannot be opened says why. Raises ValueError for a row that is no JSON.

    `on_disk` is False where the row is to be written anew: in clear, or sealed under another key than today's.
    """
    kind, namespace, name, uid, version, generation, source, digest, size, text = row
    document = json.loads(text)
    stored = StoredObject(Key(kind, namespace, name), uid, version, generation, source, digest, document)
    if kind not in SEALED_KINDS:
        return Entry(stored, size, on_disk=True)
    if not isinstance(document, dict) or _MARK not in document:
        return Entry(stored, size, on_disk=at_rest is None or not at_rest.key)
    try:
        inner = _opened(stored, document, at_rest)
    except UnreadableError as error:
        return Entry(_stub(stored, document, str(error)), size, on_disk=True, kept=text)
    opened = StoredObject(stored.key, uid, version, generation, source, inner["digest"], inner["document"])
    return Entry(opened, size, on_disk=at_rest is None or document[_MARK].get("key") == at_rest.key)


def _sealed(stored: StoredObject, at_rest: AtRest) -> str:
    outside = {
        "type": stored.document.get("type", ""),
        "creationTimestamp": stored.document["metadata"].get("creationTimestamp", ""),
    }
    inner = {"digest": stored.digest, "document": stored.document}
    content = json.dumps(inner, ensure_ascii=False, separators=(",", ":")).encode()
    key, sealed = at_rest.seal(content, about=_about(stored, outside))
    mark = {"v": 1, "key": key, "sealed": base64.b64encode(sealed).decode()}
    return json.dumps({**outside, _MARK: mark}, separators=(",", ":"))


def _opened(stored: StoredObject, document: dict[str, Any], at_rest: AtRest | None) -> dict[str, Any]:
    if at_rest is None:
        raise UnreadableError("there is no node key")
    mark = document[_MARK]
    outside = {name: value for name, value in document.items() if name != _MARK}
    try:
        key, sealed = str(mark["key"]), base64.b64decode(mark["sealed"], validate=True)
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableError("what is stored is damaged") from error
    inner: dict[str, Any] = json.loads(at_rest.open(sealed, key=key, about=_about(stored, outside)))
    return inner


def _about(stored: StoredObject, outside: Document) -> bytes:
    """Return what the seal is bound to: another row's, or other words outside, and it does not open."""
    key = (stored.key.kind, stored.key.namespace, stored.key.name, stored.uid)
    words = json.dumps(outside, sort_keys=True, separators=(",", ":"))
    return pae.encode(_PURPOSE, *(part.encode() for part in (*key, words)))


def _stub(stored: StoredObject, document: dict[str, Any], why: str) -> StoredObject:
    """Return what can be known of an object that cannot be opened: no content, no digest, so that it is asked anew."""
    metadata = {
        "name": stored.key.name,
        "namespace": stored.key.namespace,
        "uid": stored.uid,
        "resourceVersion": str(stored.resource_version),
        "generation": stored.generation,
        "creationTimestamp": document.get("creationTimestamp", ""),
    }
    shown = {"apiVersion": "v1", "kind": stored.key.kind, "metadata": metadata, "type": document.get("type", "")}
    return StoredObject(
        stored.key, stored.uid, stored.resource_version, stored.generation, stored.source, "", shown, why
    )
