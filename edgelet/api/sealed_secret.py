"""SealedSecret: a Secret that only one node can open, under the name it was sealed for. The form, no cryptography.

It is the Secret's own stand-in on the way: it lies on the topic of the Secret, and the node stores the Secret.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgelet.api import pae
from edgelet.api.errors import FieldError, InvalidObjectError

API_VERSION = "edgelet/v1"
KIND = "SealedSecret"
STANDS_FOR = "Secret"
KEY_ANNOTATION = "edgelet/sealing-key"  # of a Node: the public key to seal for, base64

# Source: RFC 9180, base mode: KEM 0x0020, KDF 0x0001, AEAD 0x0002.
SUITE = "X25519-HKDF-SHA256-AES256GCM"
PUBLIC_KEY_BYTES = 32
OVERHEAD_BYTES = PUBLIC_KEY_BYTES + 16  # the encapsulated key before, the tag behind
_PURPOSE = b"edgelet sealed secret v1"
_ID_DIGITS = 16
_MAX_SEALED_CHARACTERS = 1024 * 1024  # beyond any payload that is taken in


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """What is known of it before it is opened."""

    namespace: str
    name: str
    node: str  # TENANT/NAME
    key: str  # id of the public key it was sealed for
    sealed: bytes  # encapsulated key, ciphertext and tag

    @property
    def info(self) -> bytes:
        """What the seal is bound to (HPKE's info)."""
        return info(self.node, self.namespace, self.name)


def is_one(document: Mapping[str, Any]) -> bool:
    """Whether a document says that it is a SealedSecret."""
    return document.get("apiVersion") == API_VERSION and document.get("kind") == KIND


def kind_of(document: Mapping[str, Any]) -> Any:
    """Return the kind of object that a document becomes: Secret for a SealedSecret, else what it says."""
    return STANDS_FOR if is_one(document) else document.get("kind")


def info(node: str, namespace: str, name: str) -> bytes:
    """Return what a seal is bound to: a message for one node, namespace and name opens nowhere else."""
    return pae.encode(_PURPOSE, node.encode(), namespace.encode(), name.encode())


def key_id(public_key: bytes) -> str:
    """Return the short name of a public key: 16 hex digits of its SHA-256."""
    import hashlib  # noqa: PLC0415  every start of the command line reads this module

    return hashlib.sha256(public_key).hexdigest()[:_ID_DIGITS]


def document(sealed: SealedSecret) -> dict[str, Any]:
    """Return the object as it is sent."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": sealed.name, "namespace": sealed.namespace},
        "spec": {
            "node": sealed.node,
            "suite": SUITE,
            "key": sealed.key,
            "sealed": base64.b64encode(sealed.sealed).decode(),
        },
    }


def read(found: Mapping[str, Any], *, default_namespace: str) -> SealedSecret:
    """Return what a document says. Nothing of the Secret stands in it in clear; labels and type are sealed too.

    Raises:
        InvalidObjectError: A field is missing, wrong or unknown; each with its path.
    """
    metadata, spec = _mapping(found.get("metadata")), _mapping(found.get("spec"))
    name, faults = _text(metadata, "name"), []
    namespace = metadata.get("namespace") or default_namespace
    if not name:
        faults.append(FieldError("metadata.name", "Required value", "FieldValueRequired"))
    if not isinstance(namespace, str):
        faults.append(FieldError("metadata.namespace", "Invalid value: must be a string", "FieldValueTypeInvalid"))
    faults += [
        FieldError(f"spec.{field}", "Required value: a string", "FieldValueRequired")
        for field in _FIELDS
        if not _text(spec, field)
    ]
    faults += [
        FieldError(f"spec.{field}", "unknown field") for field in sorted(map(str, spec.keys() - {*_FIELDS}))[:10]
    ]
    if _text(spec, "suite") not in ("", SUITE):
        faults.append(FieldError("spec.suite", f'Unsupported value: supported values: "{SUITE}"'))
    sealed = _decoded(_text(spec, "sealed"))
    if sealed is None or (_text(spec, "sealed") and len(sealed) < OVERHEAD_BYTES):
        faults.append(FieldError("spec.sealed", f"Invalid value: must be base64 of {OVERHEAD_BYTES} bytes or more"))
    if faults or sealed is None:
        raise InvalidObjectError(KIND, name, tuple(faults))
    return SealedSecret(str(namespace), name, _text(spec, "node"), _text(spec, "key"), sealed)


_FIELDS = ("node", "suite", "key", "sealed")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(mapping: Mapping[str, Any], name: str) -> str:
    value = mapping.get(name)
    return value if isinstance(value, str) else ""


def _decoded(text: str) -> bytes | None:
    if len(text) > _MAX_SEALED_CHARACTERS:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
