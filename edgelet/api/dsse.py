"""Signed messages: what exactly is signed, and the envelope for ways that drop MQTT's user properties. No crypto here.

Source: DSSE v1 (secure-systems-lab/dsse): protocol.md for PAE, envelope.md for the JSON.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from edgelet.api.errors import DecodeError

SIGNATURE = "sig"  # user property: base64
KEY_ID = "keyid"  # user property: hex
PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64
_KEY_ID_LETTERS = 32
_MAX_SIGNATURES = 8
_MAX_TYPE = 256  # characters


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature; `keyid` only says which key to try."""

    keyid: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """A body with its signatures, as one payload."""

    payload_type: str
    body: bytes  # of `signed_body`
    signatures: tuple[Signature, ...]


def key_id(public_key: bytes) -> str:
    """Return the id of a raw Ed25519 public key: the first 32 hex digits of its SHA-256."""
    return hashlib.sha256(public_key).hexdigest()[:_KEY_ID_LETTERS]


def signed_body(topic: str, payload: bytes) -> bytes:
    """Return topic and payload as one: a message copied to another topic, so to another node, has no signature.

    `topic` is the whole topic, root included. No topic holds a NUL (MQTT v5, 1.5.4), so there is one way to split.
    """
    return topic.encode() + b"\0" + payload


def split_body(body: bytes) -> tuple[str, bytes]:
    """Return topic and payload. Raises DecodeError."""
    topic, found, payload = body.partition(b"\0")
    try:
        if found:
            return topic.decode(), payload
    except UnicodeDecodeError:
        pass
    raise DecodeError("cannot read the envelope: its payload does not begin with a topic and a NUL")


def pae(payload_type: str, body: bytes) -> bytes:
    """Return the pre-authentication encoding: the bytes that are signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(body), body)


def encode(envelope: Envelope) -> bytes:
    """Return the envelope as JSON."""
    document = {
        "payloadType": envelope.payload_type,
        "payload": base64.b64encode(envelope.body).decode(),
        "signatures": [
            {"keyid": one.keyid, "sig": base64.b64encode(one.value).decode()} for one in envelope.signatures
        ],
    }
    return json.dumps(document, separators=(",", ":")).encode()


def decode(data: bytes) -> Envelope:
    """Read an envelope; whether it says the truth is not looked at. The caller bounds the size.

    Raises:
        DecodeError: It is none.
    """
    try:
        document = json.loads(data, object_pairs_hook=_unique)
        kind = _text(document["payloadType"], longest=_MAX_TYPE)
        return Envelope(kind, from_base64(_text(document["payload"])), _signatures(document["signatures"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DecodeError("cannot read it: it is no DSSE envelope") from error


def from_base64(text: str) -> bytes:
    """Return the bytes of standard base64. Raises ValueError."""
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except binascii.Error as error:
        raise ValueError("no base64") from error


def _signatures(value: Any) -> tuple[Signature, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= _MAX_SIGNATURES:
        raise ValueError("no signatures, or too many")
    return tuple(Signature(_text(one.get("keyid", "")), from_base64(_text(one["sig"]))) for one in value)


def _text(value: Any, *, longest: int | None = None) -> str:
    if not isinstance(value, str):
        raise TypeError("a string expected")
    if longest is not None and len(value) > longest:
        raise ValueError("too long")
    value.encode()  # half a character of UTF-16 is none: ValueError
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands there twice")
    return found
