"""YAML as Kubernetes reads it: 01777 is octal, y and off are booleans, keys become strings, no key stands twice.

Source: sigs.k8s.io/yaml (go-yaml v2). Its reader goes on where ours stops: we bound depth, nodes and alias expansion,
and read events one by one, since a scanner that runs ahead needs minutes for a payload of 100 KiB of opening brackets.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from typing import Any, NoReturn

import yaml
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner

from edgelet.api.errors import DecodeError
from edgelet.intake.nesting import MAX_DEPTH

MAX_NODES = 100_000  # after alias expansion

_TRUE = frozenset({"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"})
_FALSE = frozenset({"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"})
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_NOT_FINITE = frozenset(
    {".nan", ".NaN", ".NAN"} | {f"{sign}{word}" for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")}
)
_INTEGER = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|0[0-7]*|[1-9][0-9]*)", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_MAX_DIGITS = 80
_EXACT_FLOAT = 2.0**53

_TAG = "tag:yaml.org,2002:"
_UNKNOWN_ESCAPE = "found unknown escape character"
_PARSER_ERRORS = (yaml.YAMLError, ValueError, OverflowError, IndexError, RecursionError)


class _PatientParser(Reader, Scanner, Parser):
    r"""PyYAML's own parser, ten times slower than libyaml, with the escape \' that Go knows and libyaml refuses."""

    ESCAPE_REPLACEMENTS = {**Scanner.ESCAPE_REPLACEMENTS, "'": "'"}  # type: ignore[misc]  # noqa: RUF012  PyYAML's seam

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)


_FastParser: Any = getattr(yaml.cyaml, "CParser", _PatientParser) if yaml.__with_libyaml__ else _PatientParser


def read(text: str) -> list[Any]:
    """Return the documents of a stream as JSON's types; an empty document is None.

    Raises:
        DecodeError: Not YAML, or beyond the bounds; with the line.
    """
    try:
        return _Builder(_FastParser(text)).documents()
    except yaml.MarkedYAMLError as error:
        if error.problem != _UNKNOWN_ESCAPE or _FastParser is _PatientParser:
            raise _translated(error) from None
    except _PARSER_ERRORS as error:
        raise _translated(error) from None
    try:
        return _Builder(_PatientParser(text)).documents()
    except _PARSER_ERRORS as error:
        raise _translated(error) from None


def _translated(error: Exception) -> DecodeError:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return DecodeError(f"cannot read YAML: line {mark.line + 1}, column {mark.column + 1}: {error.problem}")
    return DecodeError(f"cannot read YAML: {str(error).splitlines()[0] if str(error) else type(error).__name__}")


class _Builder:
    """Makes plain values of a parser's events."""

    def __init__(self, parser: Any) -> None:
        self._parser = parser
        self._anchors: dict[str, tuple[Any, int]] = {}  # name -> value, number of its nodes
        self._nodes = 0

    def documents(self) -> list[Any]:
        """Return all documents to the end of the stream."""
        found: list[Any] = []
        while not isinstance(event := self._parser.get_event(), yaml.StreamEndEvent):
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors.clear()
                found.append(self._node(self._parser.get_event(), 0))
        return found

    def _node(self, event: Any, depth: int) -> Any:
        self._count(event, 1)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        before = self._nodes
        if isinstance(event, yaml.ScalarEvent):
            value = _scalar(event)
        elif depth >= MAX_DEPTH:
            _refuse(event, f"nested deeper than {MAX_DEPTH} levels")
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(depth + 1)
        else:
            value = self._mapping(depth + 1)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, self._nodes - before + 1)
        return value

    def _alias(self, event: Any) -> Any:
        if event.anchor not in self._anchors:
            _refuse(event, "an alias (*name) names nothing that is complete before it; a text with * takes quotes")
        value, nodes = self._anchors[event.anchor]
        self._count(event, nodes)
        return value

    def _count(self, event: Any, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            _refuse(event, f"more than {MAX_NODES} values, aliases expanded")

    def _sequence(self, depth: int) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := self._parser.get_event(), yaml.SequenceEndEvent):
            items.append(self._node(event, depth))
        return items

    def _mapping(self, depth: int) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        merged: list[dict[str, Any]] = []
        while not isinstance(event := self._parser.get_event(), yaml.MappingEndEvent):
            is_merge = isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.implicit[0]
            key = "<<" if is_merge else _key(event, self._node(event, depth))
            value = self._node(self._parser.get_event(), depth)
            if is_merge:
                merged += _merge_sources(event, value)
            elif key in mapping:
                _refuse(event, f'duplicate key "{key}"')
            else:
                mapping[key] = value
        for source in merged:
            for name, value in source.items():
                mapping.setdefault(name, value)
        return mapping


def _merge_sources(event: Any, value: Any) -> list[dict[str, Any]]:
    sources = value if isinstance(value, list) else [value]
    if not all(isinstance(source, dict) for source in sources):
        _refuse(event, "a merge key (<<) takes a mapping or a list of mappings")
    return sources


def _key(event: Any, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, (str, int, float)):
        _refuse(event, "a key must be a string, a number or a boolean")
    return str(value)


def _scalar(event: Any) -> Any:
    text: str = event.value
    tag: str | None = event.tag
    if tag is None or tag == "!":
        # implicit[0]: a plain scalar; quoted and block scalars are strings whatever they look like.
        return _resolve(event, text) if event.implicit[0] and tag is None else text
    kind = tag.removeprefix(_TAG)
    if kind == "binary":
        return _binary(event, text)
    if kind not in {"int", "float", "bool", "null"}:
        return text
    value = _resolve(event, text)
    expected = {"int": int, "float": (int, float), "bool": bool, "null": type(None)}[kind]
    if not isinstance(value, expected) or (isinstance(value, bool) and kind != "bool"):  # type: ignore[arg-type]
        _refuse(event, f"cannot read the value as !!{kind}")
    return value


def _resolve(event: Any, text: str) -> Any:
    """Return what a plain scalar means. Timestamps and sexagesimal numbers stay strings."""
    if text in _NULL:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if text in _NOT_FINITE:
        _refuse(event, "this is no number that JSON knows; a text takes quotes")
    if text[0] not in "+-.0123456789" or len(text) > _MAX_DIGITS:
        return text
    return _number(event, text)


def _number(event: Any, text: str) -> Any:
    plain = text if text[0] == "." else text.replace("_", "")
    if _INTEGER.fullmatch(plain):
        number = _integer(plain)
        if -(2**63) <= number < 2**64:
            return number
    if not _FLOAT.fullmatch(plain):
        return text
    value = float(plain)
    if not math.isfinite(value):
        _refuse(event, "a number that is out of range; a text takes quotes")
    # Go writes 80.0 as 80 when it turns YAML into JSON, so it fits an integer field there.
    return int(value) if value.is_integer() and abs(value) < _EXACT_FLOAT else value


def _integer(plain: str) -> int:
    sign = -1 if plain[0] == "-" else 1
    digits = plain.lstrip("+-")
    is_octal = len(digits) > 1 and digits[0] == "0" and digits[1] in "01234567"
    return sign * int(digits, 8 if is_octal else 0)


def _binary(event: Any, text: str) -> str:
    try:
        return base64.b64decode(text, validate=False).decode()
    except (binascii.Error, ValueError):
        _refuse(event, "!!binary is not base64 of a text")


def _refuse(event: Any, why: str) -> NoReturn:
    raise DecodeError(f"cannot read YAML: line {event.start_mark.line + 1}: {why}")
