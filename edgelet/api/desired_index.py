"""The signed index: which objects a node is to have, each by the hash of its payload. A value, without I/O."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from edgelet.api import dsse, time
from edgelet.api.errors import DecodeError

TOPIC = "desired/index"  # below the node's root
CONTENT_TYPE = "application/vnd.edgelet.index.v1+json"
FORMAT = 1
MAX_NUMBER = (1 << 53) - 1  # what JSON carries exactly everywhere
MAX_OBJECTS = 10_000
MAX_KEYS = 16
_MAX_PATH = 600  # characters: plural, namespace and name are shorter
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_FIELDS = frozenset({"v", "epoch", "generation", "issued", "expires", "objects"})


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """What never decreases. A new epoch is for a signer that lost count."""

    epoch: int
    generation: int

    def __str__(self) -> str:
        return f"{self.epoch}.{self.generation}"


@dataclass(frozen=True, slots=True)
class Index:
    """One index."""

    version: Version
    issued: datetime
    expires: datetime  # from then on nothing new begins
    objects: Mapping[str, str]  # plural/namespace/name or plural/name -> sha256 of the payload, hex
    keys: Mapping[str, bytes] | None = None  # key id -> raw public key: who signs from now on; None: as before


def encode(index: Index) -> bytes:
    """Return the index as JSON: the same value, the same bytes."""
    document: dict[str, Any] = {
        "v": FORMAT,
        "epoch": index.version.epoch,
        "generation": index.version.generation,
        "issued": time.render(index.issued),
        "expires": time.render(index.expires),
        "objects": dict(sorted(index.objects.items())),
    }
    if index.keys is not None:
        document["keys"] = {key_id: base64.b64encode(key).decode() for key_id, key in sorted(index.keys.items())}
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def parse(payload: bytes) -> Index:
    """Read an index whose signature held. What this version does not know is refused: it may be a restriction.

    Raises:
        DecodeError: It is no index, or one of another format; says what is wrong.
    """
    try:
        document = json.loads(payload, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_no_float)
    except (ValueError, RecursionError) as error:
        raise _wrong(f"no JSON: {str(error)[:100]}") from error
    if not isinstance(document, dict):
        raise _wrong("a JSON object expected")
    if document.get("v") != FORMAT or isinstance(document.get("v"), bool):
        raise _wrong(f"v: {FORMAT} expected")
    if (odd := (document.keys() ^ _FIELDS) - {"keys"}) != frozenset():
        raise _wrong(f"fields that are missing or that this version does not know: {', '.join(sorted(odd))[:200]}")
    return Index(
        version=Version(_number(document, "epoch"), _number(document, "generation")),
        issued=_moment(document, "issued"),
        expires=_moment(document, "expires"),
        objects=_objects(document["objects"]),
        keys=_keys(document["keys"]) if "keys" in document else None,
    )


def _number(document: Mapping[str, Any], name: str) -> int:
    value = document[name]
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_NUMBER:
        raise _wrong(f"{name}: a whole number from 0 to {MAX_NUMBER} expected")
    return value


def _moment(document: Mapping[str, Any], name: str) -> datetime:
    value = document[name]
    try:
        return time.parse(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise _wrong(f"{name}: a time such as 2006-01-02T15:04:05Z expected") from error


def _objects(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or len(value) > MAX_OBJECTS:
        raise _wrong(f"objects: a mapping of at most {MAX_OBJECTS} paths expected")
    for path, digest in value.items():
        if not 0 < len(path) <= _MAX_PATH or not _is_text(path):
            raise _wrong("objects: a path such as pods/default/web expected")
        if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
            raise _wrong(f"objects[{path[:100]}]: a SHA-256 in hex expected")
    return value


def _keys(value: Any) -> dict[str, bytes]:
    if not isinstance(value, dict) or not 0 < len(value) <= MAX_KEYS:
        raise _wrong(f"keys: 1 to {MAX_KEYS} keys expected")
    found = {}
    for key_id, text in value.items():
        try:
            key = dsse.from_base64(text)
        except (ValueError, AttributeError) as error:
            raise _wrong("keys: base64 expected") from error
        if len(key) != dsse.PUBLIC_KEY_BYTES or dsse.key_id(key) != key_id:
            raise _wrong("keys: a raw Ed25519 key under its own id expected")
        found[key_id] = key
    return found


def _is_text(text: str) -> bool:
    return text.isprintable() and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands there twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _no_float(digits: str) -> Any:
    raise ValueError(f"{digits[:20]} is no whole number")


def _wrong(what: str) -> DecodeError:
    return DecodeError(f"cannot read the index: {what}")
