"""Turns of exec probes: a board with a hundred of them starts a few at a time, in the order in which they were due.

A turn ends with the command, or after a while: a command that only waits costs nothing, and must not hold up others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_LONGEST_S = 2.0
T = TypeVar("T")


class CommandTurns:
    """Lets `at_once` commands start and run their first seconds together; the others wait, first come first served."""

    def __init__(self, at_once: int) -> None:
        self._free = asyncio.Semaphore(at_once)

    async def take(self, command: Coroutine[Any, Any, T]) -> T:
        """Run a command when it is its turn; what it raises is raised. Its own time limit begins with its turn."""
        try:
            await self._free.acquire()
        except BaseException:
            command.close()  # never begun
            raise
        task = asyncio.create_task(command, name="exec-probe")
        try:
            await asyncio.wait({task}, timeout=_LONGEST_S)
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task})
            raise
        finally:
            self._free.release()
        return await task
