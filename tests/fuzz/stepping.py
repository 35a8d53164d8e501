"""Coroutines on fakes, run to their end without a loop: nothing in them waits for anything outside."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


def settled(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Return what the coroutine returns."""
    try:
        while True:
            coroutine.send(None)
    except StopIteration as done:
        result: Result = done.value
        return result
