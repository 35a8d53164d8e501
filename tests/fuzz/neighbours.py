"""Every document that is one step away from another: each field of each object in it with each odd value, once.

Where chance needs a million tries for one word at one place, these are some ten thousand documents.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

from edgelet.api.pod import Pod
from edgelet.api.value import Value
from tests.fuzz import mutation

_ODD: tuple[Any, ...] = (None, [], {}, "", 0, True, [None], {"": None}, 1.5)
_DEPTH = 7  # of objects and lists that are not in the document yet, too
_MAP_VALUES = 8


def of(document: dict[str, Any]) -> Iterator[bytes]:
    """Yield the neighbours of a Pod as JSON, the same ones each time."""
    random = Random(0)  # noqa: S311  no secret
    for part in ("spec", "metadata"):
        for changed in _values(document[part], mutation.fields_of(Pod)[part], part, _DEPTH, random):
            yield json.dumps({**document, part: changed}).encode()


def _values(value: Any, annotation: Any, field: str, depth: int, random: Random) -> Iterator[Any]:
    """Yield what may stand in a field instead of a value, or where there is none."""
    yield from _ODD
    kind, inner = mutation.taken_apart(annotation)
    match kind:
        case "object" if depth > 0:
            yield from _objects(value if isinstance(value, dict) else {}, inner, depth, random)
        case "list" if depth > 0:
            yield from _lists(value if isinstance(value, list) else [], inner, field, depth, random)
        case "map":
            for key in (*mutation.KEYS, *(value if isinstance(value, dict) else ())):
                some = mutation.scalars(inner)[:_MAP_VALUES]
                yield from ({**(value or {}), key: one} for one in some)
        case "object" | "list":
            return
        case _:
            yield from mutation.scalars(annotation)
            yield from mutation.USUAL.get(field, ())


def _objects(value: dict[str, Any], model: type[Value], depth: int, random: Random) -> Iterator[dict[str, Any]]:
    fields = mutation.fields_of(model)
    needed = {info.alias or name for name, info in model.model_fields.items() if info.is_required()}
    given = {name: mutation.usual(name, random) or mutation.made(fields[name], random, _DEPTH) for name in needed}
    whole = {**given, **value}
    for name, annotation in fields.items():
        for inner in _values(whole.get(name), annotation, name, depth - 1, random):
            yield {**whole, name: inner}
    for name in whole:
        yield {other: inner for other, inner in whole.items() if other != name}


def _lists(value: list[Any], annotation: Any, field: str, depth: int, random: Random) -> Iterator[list[Any]]:
    for index, one in enumerate(value or [None]):
        before, after = value[:index], value[index + 1 :]
        yield from ([*before, inner, *after] for inner in _values(one, annotation, field, depth - 1, random))
        yield [*value, one]
    yield value[::-1]
