"""Work that must not be broken off half-way: what was asked of the engine is done all the same, and nobody sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def uncut(work: Coroutine[Any, Any, T]) -> T:
    """Do it to its end; a caller that is cancelled, however often, waits for that end, and is cancelled then."""
    task = asyncio.ensure_future(work)
    cut: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cut = error
    if cut is None:
        return task.result()
    task.cancelled() or task.exception()  # it was heard: no complaint about an error nobody fetched
    raise cut
