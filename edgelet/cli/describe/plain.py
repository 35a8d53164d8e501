"""Kinds of data, and any other kind, in full. Source: kubectl pkg/describe."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from edgelet.cli.describe.prose import Prose
from edgelet.cli.rows.columns import part

Document = Mapping[str, Any]


def config_map(prose: Prose, document: Document) -> None:
    """Describe a ConfigMap with its texts."""
    _head(prose, document)
    prose.line(0, "\nData\n====")
    for key, value in sorted((document.get("data") or {}).items()):
        prose.line(0, f"{key}:\n----\n{value}\n")
    prose.line(0, "\nBinaryData\n====")
    for key, value in sorted((document.get("binaryData") or {}).items()):
        prose.line(0, f"{key}: {_size(value)} bytes\n")
    prose.line(0, "")


def secret(prose: Prose, document: Document) -> None:
    """Describe a Secret; of its values only their sizes."""
    _head(prose, document)
    prose.line(0, "")
    prose.field(0, "Type", f" {document.get('type') or 'Opaque'}")
    prose.line(0, "\nData\n====")
    for key, value in sorted((document.get("data") or {}).items()):
        prose.line(0, f"{key}:\t{_size(value)} bytes")


def namespace(prose: Prose, document: Document) -> None:
    """Describe a Namespace."""
    _head(prose, document, namespaced=False)
    prose.field(0, "Status", part(document, "status", "phase") or "Active")
    prose.line(0, "\nNo resource quota.\n\nNo LimitRange resource.")


def anything(prose: Prose, document: Document) -> None:
    """Describe any object: its fields as a tree of labels."""
    _head(prose, document, namespaced=bool(part(document, "metadata", "namespace")))
    hidden = {"name", "namespace", "labels", "annotations", "managedFields"}
    metadata = {key: value for key, value in (document.get("metadata") or {}).items() if key not in hidden}
    _tree(prose, 0, {**{key: value for key, value in document.items() if key != "metadata"}, "metadata": metadata})


def _head(prose: Prose, document: Document, *, namespaced: bool = True) -> None:
    metadata = document.get("metadata") or {}
    prose.field(0, "Name", metadata.get("name", ""))
    if namespaced:
        prose.field(0, "Namespace", metadata.get("namespace", ""))
    prose.mapping("Labels", metadata.get("labels"))
    prose.annotations(metadata.get("annotations"))


def _tree(prose: Prose, level: int, found: Mapping[str, Any]) -> None:
    for key, value in sorted(found.items()):
        label = _label(key)
        match value:
            case dict():
                prose.line(level, f"{label}:")
                _tree(prose, level + 1, value)
            case list():
                prose.line(level, f"{label}:")
                for item in value:
                    if isinstance(item, dict):
                        _tree(prose, level + 1, item)
                    else:
                        prose.line(level + 1, str(item))
            case _:
                prose.field(level, label, value)


def _label(key: str) -> str:
    """`podIP` as `Pod IP`."""
    words = ""
    for at, letter in enumerate(key):
        if at and letter.isupper() and not key[at - 1].isupper():
            words += " "
        words += letter
    return words[:1].upper() + words[1:]


def _size(encoded: object) -> int:
    try:
        return len(base64.b64decode(str(encoded)))
    except (binascii.Error, ValueError):
        return len(str(encoded))
