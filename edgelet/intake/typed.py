"""Documents to values: every field of the wrong type is named, and the rest is still looked at."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from edgelet.api.errors import FieldError
from edgelet.api.value import Value
from edgelet.intake import faults, field_path

Model = TypeVar("Model", bound=Value)

_MOST_WRONG = 100  # with more, nobody wants to hear of the rest, and judging it would take minutes
_MOST_TOLD = 1000  # of what pydantic says; a payload of 128 KiB can have 60 000 wrong values
_ROUNDS = 4  # a missing field is first given a string, then what is asked for instead

_EXPECTED = {
    "string_type": "a string",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "bool_type": "a boolean",
    "float_type": "a number",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}
_WORDS = {str: "a string", bool: "a boolean", int: "a number", float: "a number", list: "a list", dict: "a mapping"}


def parse(document: Mapping[str, Any], model: type[Model]) -> tuple[Model | None, tuple[FieldError, ...]]:
    """Return the value and the faults of its types.

    With faults, the value is that of the document with something neutral in place of the wrong fields, so that the rest
    can be judged in the same go (see `beside`); None where there is nothing to judge, or too much is wrong.
    """
    try:
        return model.model_validate(document), ()
    except ValidationError as error:
        found = tuple(_faults(error, document).values())
        return _repaired(document, model, error) if len(found) <= _MOST_WRONG else None, found


def beside(wrong: tuple[FieldError, ...], judged: Iterable[FieldError]) -> tuple[FieldError, ...]:
    """Return the faults of types and, of those found in the repaired value, the ones that lie elsewhere."""
    paths = tuple(fault.path for fault in wrong)
    inside = tuple(f"{path}{mark}" for path in paths for mark in ".[")
    return *wrong, *(fault for fault in judged if fault.path not in paths and not fault.path.startswith(inside))


def _repaired(document: Mapping[str, Any], model: type[Model], error: ValidationError) -> Model | None:
    """Return the value of the document with neutral values where it is wrong: indexes must not shift."""
    repaired = copy.deepcopy(dict(document))
    for _ in range(_ROUNDS):
        for detail in error.errors(include_url=False):
            steps, _ = _locate(repaired, detail["loc"], missing=detail["type"] == "missing")
            if not steps:
                return None
            _put(repaired, steps, _neutral(detail))
        try:
            return model.model_validate(repaired)
        except ValidationError as next_error:
            error = next_error
    return None


def _put(document: Any, steps: tuple[str | int, ...], value: Any) -> None:
    for step in steps[:-1]:
        document = document[step]
    document[steps[-1]] = value


def _neutral(detail: Any) -> Any:
    if detail["type"] == "literal_error":
        return _words(detail)[0]
    return {"string_type": "", "missing": "", "int_type": 1, "tuple_type": [], "bool_type": False}.get(
        detail["type"], {} if detail["type"] in {"dict_type", "model_type"} else "0"
    )


def _words(detail: Any) -> list[str]:
    return re.findall(r"'([^']*)'", detail["ctx"]["expected"])


def _faults(error: ValidationError, document: Mapping[str, Any]) -> dict[tuple[str | int, ...], FieldError]:
    found: dict[tuple[str | int, ...], FieldError] = {}
    details = error.errors(include_url=False, include_context=True, include_input=False)
    for detail in details[:_MOST_TOLD]:
        kind = detail["type"]
        steps, value = _locate(document, detail["loc"], missing=kind == "missing")
        if steps not in found:
            found[steps] = _fault(field_path.of(steps), kind, value, detail)
        elif kind in _EXPECTED:  # the other half of "a number or a string"
            found[steps] = faults.wrong_type(field_path.of(steps), f"must be a number or a string, not {_word(value)}")
    return found


def _fault(path: str, kind: str, value: Any, detail: Any) -> FieldError:
    if kind == "missing":
        return faults.required(path)
    if kind == "literal_error" and isinstance(value, str):
        return faults.unsupported(path, value, _words(detail))
    if kind in _EXPECTED:
        return faults.wrong_type(path, f"must be {_EXPECTED[kind]}, not {_word(value)}")
    if kind == "literal_error":
        return faults.wrong_type(path, f"must be a string, not {_word(value)}")
    return faults.wrong_type(path, str(detail["msg"]).removeprefix("Value error, "))


def _locate(document: Any, steps: tuple[str | int, ...], *, missing: bool) -> tuple[tuple[str | int, ...], Any]:
    """Return the part of pydantic's path that the document has (unions add a step of their own), and what is there."""
    value: Any = document
    for index, step in enumerate(steps):
        is_last = index == len(steps) - 1
        if isinstance(value, Mapping) and (step in value or (missing and is_last)):
            value = value.get(str(step))
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return steps[:index], value
    return steps, value


def _word(value: Any) -> str:
    return _WORDS.get(type(value), "null")
