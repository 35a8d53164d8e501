"""What goes to the broker, the store and the engine is JSON that Go reads: UTF-8, finite numbers, 64 bits."""

from __future__ import annotations

import json
from typing import Any

_LEAST, _MOST = -(2**63), 2**64


def check(document: Any) -> None:
    """Fail for what is none."""
    check_text(document)
    _check_numbers(document, "")


def check_text(document: Any) -> None:
    """Fail for what is no JSON at all; numbers may be of any size, as before validation."""
    json.dumps(document, allow_nan=False, ensure_ascii=False).encode()


def _check_numbers(value: Any, path: str) -> None:
    match value:
        case dict():
            for key, inner in value.items():
                assert isinstance(key, str), f"{path}: the key {key!r}"
                _check_numbers(inner, f"{path}.{key}")
        case list() | tuple():
            for index, inner in enumerate(value):
                _check_numbers(inner, f"{path}[{index}]")
        case int():
            assert _LEAST <= value < _MOST, f"{path}: {value} has more than 64 bits"
        case _:
            pass
