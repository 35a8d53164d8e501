"""Faults of a document in Kubernetes' words, so that what people know to search for is there."""

from __future__ import annotations

import json
from collections.abc import Iterable

from edgelet.api.errors import FieldError


def required(path: str, detail: str = "") -> FieldError:
    """A field that must be there."""
    return FieldError(path, f"Required value: {detail}" if detail else "Required value", "FieldValueRequired")


def invalid(path: str, value: object, detail: str) -> FieldError:
    """A value that breaks a rule."""
    return FieldError(path, f"Invalid value: {_quoted(value)}: {detail}", "FieldValueInvalid")


def wrong_type(path: str, detail: str) -> FieldError:
    """A value of another type; the value itself is not repeated, it may be a secret."""
    return FieldError(path, f"Invalid value: {detail}", "FieldValueTypeInvalid")


def out_of_range(path: str, value: int, lowest: int, highest: int) -> FieldError:
    """A number beyond its bounds, both inclusive."""
    return FieldError(path, f"{value} is not in {lowest}..{highest}", "FieldValueInvalid")


def duplicate(path: str, value: object) -> FieldError:
    """A value that must be unique and is not."""
    return FieldError(path, f"Duplicate value: {_quoted(value)}", "FieldValueDuplicate")


def unsupported(path: str, value: object, allowed: Iterable[str]) -> FieldError:
    """A word that is none of those there are."""
    words = ", ".join(_quoted(word) for word in allowed)
    return FieldError(path, f"Unsupported value: {_quoted(value)}: supported values: {words}", "FieldValueNotSupported")


def not_found(path: str, value: object) -> FieldError:
    """A reference to something that is not there."""
    return FieldError(path, f"Not found: {_quoted(value)}", "FieldValueNotFound")


def forbidden(path: str, detail: str) -> FieldError:
    """A field that may not be set, or not here."""
    return FieldError(path, f"Forbidden: {detail}", "FieldValueForbidden")


def too_long(path: str, limit: int, unit: str) -> FieldError:
    """More of something than allowed."""
    return FieldError(path, f"Too long: may not be more than {limit} {unit}", "FieldValueTooLong")


_MAX_QUOTED_CHARACTERS = 200


def _quoted(value: object) -> str:
    if not isinstance(value, (str, int, float, bool)):
        value = str(value)
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_QUOTED_CHARACTERS else text[:_MAX_QUOTED_CHARACTERS] + '..."'
