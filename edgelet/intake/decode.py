"""Bytes to documents: JSON, concatenated JSON, YAML streams, KYAML, Lists. Nothing is known of kinds here."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from edgelet.api.errors import DecodeError, TooLargeError
from edgelet.intake.nesting import MAX_DEPTH

_SURROGATE = re.compile("[\ud800-\udfff]")
_JSON_SPACE = re.compile(r"[ \t\n\r]*")
_MAX_LISTS = 8  # a List in a List in a List ...


def documents(payload: bytes, *, limit_bytes: int) -> tuple[dict[str, Any], ...]:
    """Return every object of a payload, Lists taken apart, empty documents left out.

    Each is a mapping with apiVersion and kind; all else is unchecked.

    Raises:
        DecodeError: Not text, not YAML or JSON, or no object; says where.
        TooLargeError: The payload is longer than limit_bytes.
    """
    if len(payload) > limit_bytes:
        raise TooLargeError(
            f"cannot take {len(payload)} bytes: at most {limit_bytes} are allowed; send fewer at a time"
        )
    parsed = _parse(_text(payload))
    found: list[dict[str, Any]] = []
    for number, value in enumerate(parsed, start=1):
        if value is None or value == {}:
            continue
        found += _flatten(value, f"document {number}" if len(parsed) > 1 else "the document", _MAX_LISTS)
    if not found:
        raise DecodeError("no objects passed: the input holds no Kubernetes object")
    return tuple(found)


def values(payload: bytes, *, limit_bytes: int) -> list[Any]:
    """Return every JSON or YAML value of a payload, whatever it is. Raises DecodeError, TooLargeError."""
    if len(payload) > limit_bytes:
        raise TooLargeError(f"cannot take {len(payload)} bytes: at most {limit_bytes} are allowed")
    return _parse(_text(payload))


def value(payload: bytes, *, limit_bytes: int) -> Any:
    """Return the one JSON or YAML value of a payload: a patch. Raises DecodeError, TooLargeError."""
    parsed = values(payload, limit_bytes=limit_bytes)
    if len(parsed) != 1:
        raise DecodeError(f"expected one document, found {len(parsed)}")
    return parsed[0]


def _text(payload: bytes) -> str:
    try:
        text = payload.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DecodeError(f"cannot read the input: byte {error.start} is not UTF-8") from None
    if "\0" in text:
        raise DecodeError("cannot read the input: it holds a NUL byte; it is binary, not YAML or JSON")
    return text


def _parse(text: str) -> list[Any]:
    if text.lstrip()[:1] in {"{", "["}:
        try:
            return list(_json_stream(text))
        except (ValueError, RecursionError):
            # Flow-style YAML (KYAML) begins like JSON; and YAML's reader knows the line of a fault.
            pass
    from edgelet.intake import yaml_dialect  # noqa: PLC0415  1.1 MB that a board which is sent JSON does without

    return [clean(document) for document in yaml_dialect.read(text)]


def _json_stream(text: str) -> Iterator[Any]:
    decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant)
    position = _skip_space(text, 0)
    while position < len(text):
        found, position = decoder.raw_decode(text, position)
        yield clean(found)
        position = _skip_space(text, position)


def _skip_space(text: str, position: int) -> int:
    match = _JSON_SPACE.match(text, position)
    return match.end() if match else position


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise ValueError("duplicate key")
    return mapping


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits} is out of range")
    return number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def clean(value: Any, depth: int = 0) -> Any:
    r"""Return the value with U+FFFD where an escape (\ud800) named half a character, as Go does.

    Raises:
        DecodeError: Nested too deep, or a number that JSON does not have.
    """
    if depth > MAX_DEPTH:
        raise DecodeError(f"cannot read the input: nested deeper than {MAX_DEPTH} levels")
    match value:
        case str():
            return _SURROGATE.sub("\ufffd", value)
        case list():
            return [clean(item, depth + 1) for item in value]
        case dict():
            return {_SURROGATE.sub("\ufffd", key): clean(item, depth + 1) for key, item in value.items()}
        case float() if not math.isfinite(value):
            raise DecodeError(f"cannot read the input: {value} is no number that JSON knows")
        case _:
            return value


def _flatten(value: Any, where: str, lists: int) -> Iterator[dict[str, Any]]:
    """Give the objects of a document: itself, or the items of a List or of a typed list such as PodList."""
    if not isinstance(value, dict):
        raise DecodeError(f"{where} is no object: expected a mapping with apiVersion and kind, found a {_word(value)}")
    kind, version = value.get("kind"), value.get("apiVersion")
    if not isinstance(kind, str) or not kind:
        raise DecodeError(f"Object 'Kind' is missing in {where}" if kind is None else f"kind is no string in {where}")
    if not isinstance(version, str) or not version:
        raise DecodeError(f"Object 'apiVersion' is missing in {where}: {kind} needs one, such as v1")
    items = value.get("items")
    if not kind.endswith("List") or not isinstance(items, list | None):
        yield value
        return
    if lists == 0:
        raise DecodeError(f"Lists in {where} are nested deeper than {_MAX_LISTS}")
    for index, item in enumerate(items or ()):
        inner = item
        if isinstance(item, dict) and kind != "List":  # the items of a PodList need not say that they are Pods
            inner = {"apiVersion": version, "kind": kind.removesuffix("List"), **item}
        yield from _flatten(inner, f"{where}, items[{index}]", lists - 1)


def _word(value: Any) -> str:
    return {list: "list", str: "string", bool: "boolean", int: "number", float: "number"}.get(type(value), "null")
