"""What one manifest file says: its objects by key, and what is wrong with the rest. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgelet.api import kinds, names, sealed_secret
from edgelet.ports.object_store import Document, Key, StoredObject

ANNOTATION = "edgelet/manifest"  # on each object that came from a file: the file's name


@dataclass(frozen=True, slots=True)
class Manifest:
    """The objects of a file in their order, each key once. `faults` are for people."""

    objects: tuple[tuple[Key, Document], ...]
    faults: tuple[str, ...] = ()


def manifest_of(documents: Sequence[Document]) -> Manifest:
    """Return what the documents of a file mean."""
    objects: dict[Key, Document] = {}
    faults = []
    for number, document in enumerate(documents, start=1):
        key = key_of(document)
        if key is None:
            faults.append(f"object {number} has no known kind or no valid name")
        elif key in objects:
            faults.append(f"{key} is defined twice")
        else:
            objects[key] = document
    return Manifest(tuple(objects.items()), tuple(faults))


def key_of(document: Document) -> Key | None:
    """Return the key a document will be stored under; None where it has no known kind or no name."""
    metadata = document.get("metadata")
    kind = kinds.of_kind(str(sealed_secret.kind_of(document)))
    if kind is None or not isinstance(metadata, dict):
        return None
    name, namespace = metadata.get("name"), metadata.get("namespace") or "default"
    if not isinstance(name, str) or not isinstance(namespace, str) or names.dns_subdomain(name):
        return None
    return Key(kind.kind, namespace if kind.namespaced else "", name)


def annotated(document: Document, file_name: str) -> dict[str, Any]:
    """Return the document with the name of its file on it."""
    metadata = document["metadata"]
    annotations = {**(metadata.get("annotations") or {}), ANNOTATION: file_name}
    return {**document, "metadata": {**metadata, "annotations": annotations}}


def owner_of(stored: StoredObject) -> str:
    """Return the file an object came from; "" if it came from none."""
    annotations = stored.document["metadata"].get("annotations") or {}
    return str(annotations.get(ANNOTATION, ""))


def digest_of(document: Document, file_name: str) -> str:
    """Return what tells two wordings of an object apart, wherever it stands in its file."""
    text = json.dumps([file_name, document], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
