"""Bring a document into the shape its kind has: what Kubernetes does not know is left out and reported.

Go's JSON reader treats null as "not said": a field that is null is absent, a null in a list or a map is the empty
value.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from edgelet.api.errors import FieldError
from edgelet.api.quantity import Quantity
from edgelet.api.value import Value
from edgelet.intake import faults, field_path

_INT64 = 2**63


@dataclass(frozen=True, slots=True)
class Shape:
    """What a field holds: one value, a list or a map of them, of a model or of something simple."""

    model: type[Value] | None = None
    is_list: bool = False
    is_map: bool = False
    empty: Any = None  # what a null inside a list or a map stands for
    is_opaque: bool = False  # its insides are nobody's business
    is_word: bool = False  # one of a few words; "" is not one of them and means "not said", as in Go


@dataclass(slots=True)
class Conformed:
    """The document that is left, the paths of fields that nobody knows, and numbers too large for any field."""

    document: dict[str, Any] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    faults: list[FieldError] = field(default_factory=list)


def conform(document: Mapping[str, Any], model: type[Value]) -> Conformed:
    """Return a fresh document with the model's fields only; types are not looked at."""
    result = Conformed()
    result.document = _object(document, model, "", result)
    return result


def _object(document: Mapping[str, Any], model: type[Value], path: str, result: Conformed) -> dict[str, Any]:
    fields = shapes(model)
    clean: dict[str, Any] = {}
    for key, value in document.items():
        inner = field_path.join(path, key)
        shape = fields.get(key)
        if shape is None:
            result.unknown.append(inner)
        elif value is not None and not (shape.is_word and value == ""):
            clean[key] = _value(value, shape, inner, result)
    return clean


def _value(value: Any, shape: Shape, path: str, result: Conformed) -> Any:
    if shape.is_opaque:
        return value
    if shape.is_list and isinstance(value, list):
        return [_item(item, shape, field_path.join(path, index), result) for index, item in enumerate(value)]
    if shape.is_map and isinstance(value, Mapping):
        return {key: _item(item, shape, field_path.join(path, key), result) for key, item in value.items()}
    if shape.is_list or shape.is_map:
        return value
    return _item(value, shape, path, result)


def _item(value: Any, shape: Shape, path: str, result: Conformed) -> Any:
    if value is None:
        return {} if shape.model else shape.empty
    if shape.model is not None and isinstance(value, Mapping):
        return _object(value, shape.model, path, result)
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        if shape.empty == "":
            return 0  # no text either, and that is said without the number: it may be a secret
        result.faults.append(faults.out_of_range(path, value, -_INT64, _INT64 - 1))
        return 0
    return value


@cache
def shapes(model: type[Value]) -> dict[str, Shape]:
    """Return the shape of each field of a model, by its name in a document."""
    return {info.alias or name: _shape(info.annotation) for name, info in model.model_fields.items()}


def _shape(annotation: Any) -> Shape:  # noqa: PLR0911  one return a sort of annotation
    origin = get_origin(annotation)
    if origin is Annotated:
        return _shape(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        inner = [argument for argument in get_args(annotation) if argument is not type(None)]
        if get_origin(inner[0]) is Literal:
            return Shape(is_word="" not in get_args(inner[0]))
        return _shape(inner[0]) if len(inner) == 1 else Shape()
    if origin is tuple:
        item = _shape(get_args(annotation)[0])
        return Shape(item.model, is_list=True, empty=item.empty, is_opaque=item.is_map and item.model is None)
    if origin is dict:
        inside = get_args(annotation)[1]
        return Shape(is_map=True, empty={str: "", Quantity: "0"}.get(inside), is_opaque=inside is Any)
    if isinstance(annotation, type) and issubclass(annotation, Value):
        return Shape(annotation)
    return Shape(empty={str: "", int: 0}.get(annotation))
