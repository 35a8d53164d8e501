"""kubectl's JSONPath templates, applied to an object."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

from edgelet.cli.jsonpath_syntax import (
    Descend,
    Field,
    Filter,
    Index,
    JsonPathError,
    Literal,
    Node,
    Path,
    Range,
    Slice,
    Step,
    Union,
    Wildcard,
    parse,
    relaxed,
)

MAXIMUM_VALUES = 1_000_000  # visited by one template: `..` after `..`, or in a range of it, multiplies


@dataclass(slots=True)
class _Whole:
    """What `$` means, and how many more values may be visited."""

    document: Any
    left: int = MAXIMUM_VALUES

    def visited(self, values: list[Any]) -> list[Any]:
        """Count them. Raises JsonPathError."""
        self.left -= len(values)
        if self.left < 0:
            raise JsonPathError(f"the template visits more than {MAXIMUM_VALUES} values")
        return values


ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def render(template: str, document: Any) -> str:
    """The template's text; several values of one path are separated by spaces.

    Raises:
        JsonPathError: The template is none, an index is out of bounds, or too many values are visited.
    """
    return "".join(_texts(parse(template), document, _Whole(document)))


def values(expression: str, document: Any) -> list[Any]:
    """What a path, with or without braces, leads to; absent keys lead to nothing."""
    found: list[Any] = []
    whole = _Whole(document)
    for node in parse(relaxed(expression)):
        if not isinstance(node, Path):
            raise JsonPathError(f"{expression!r} is not a path")
        found += _follow(node, document, whole)
    return found


def as_json(template: str, document: Any) -> str:
    """What the template's paths lead to, as one JSON array (`-o jsonpath-as-json`)."""
    found: list[Any] = []
    whole = _Whole(document)
    for node in parse(template):
        match node:
            case Path():
                found += _follow(node, document, whole)
            case Range(over=over, body=body):
                for one in _follow(over, document, whole):
                    found += [
                        value for inner in body if isinstance(inner, Path) for value in _follow(inner, one, whole)
                    ]
            case Literal():
                pass
            case _ as never:
                assert_never(never)
    return json.dumps(found, indent=4, ensure_ascii=False, sort_keys=True)


def text_of(value: Any) -> str:
    """A value as a template prints it: strings bare, maps and lists as JSON."""
    match value:
        case str():
            return value
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case dict() | list():
            return json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
        case _:
            return str(value)


def _texts(nodes: Sequence[Node], current: Any, whole: _Whole) -> Iterator[str]:
    for node in nodes:
        match node:
            case Literal(value=value):
                yield text_of(value)
            case Path():
                yield " ".join(map(text_of, _follow(node, current, whole)))
            case Range(over=over, body=body):
                for one in _follow(over, current, whole):
                    yield from _texts(body, one, whole)
            case _ as never:
                assert_never(never)


def _follow(path: Path, current: Any, whole: _Whole) -> list[Any]:
    found = [whole.document if path.absolute else current]
    for step in path.steps:
        found = [value for one in found for value in whole.visited(_take(step, one, whole))]
    return whole.visited(found)


def _take(step: Step, value: Any, whole: _Whole) -> list[Any]:  # noqa: PLR0911  one answer for each kind of step
    match step:
        case Field(name=name):
            return [value[name]] if isinstance(value, dict) and name in value else []
        case Wildcard():
            return _children(value)
        case Descend():
            return [value, *(inner for child in _children(value) for inner in _take(step, child, whole))]
        case Index(at=at):
            items = _list(value)
            if not -len(items) <= at < len(items):
                raise JsonPathError(f"array index out of bounds: index {at}, length {len(items)}")
            return [items[at]]
        case Slice(start=start, stop=stop, step=stride):
            return _list(value)[start:stop:stride]
        case Union(parts=parts):
            return [found for part in parts for found in _take(part, value, whole)]
        case Filter():
            return [item for item in _list(value) if _fits(step, item, whole)]
        case _ as never:
            assert_never(never)


def _children(value: Any) -> list[Any]:
    match value:
        case dict():
            return [value[key] for key in sorted(value)]
        case list():
            return value
        case _:
            return []


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise JsonPathError(f"{text_of(value)[:60]} is not array or slice")
    return value


def _fits(condition: Filter, item: Any, whole: _Whole) -> bool:
    left = _operand(condition.left, item, whole)
    if not condition.operator or condition.right is None:
        return bool(left)
    right = _operand(condition.right, item, whole)
    if not left or not right:
        return False
    if condition.operator in ORDERINGS:
        try:
            return ORDERINGS[condition.operator](left[0], right[0])
        except TypeError:
            raise JsonPathError(f"cannot compare {text_of(left[0])[:60]} with {text_of(right[0])[:60]}") from None
    same = left[0] == right[0] and isinstance(left[0], bool) == isinstance(right[0], bool)
    return same == (condition.operator == "==")


def _operand(operand: Path | Literal, item: Any, whole: _Whole) -> list[Any]:
    return [operand.value] if isinstance(operand, Literal) else _follow(operand, item, whole)
