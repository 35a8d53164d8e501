"""Creations and removals by force take turns."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from edgelet.adapters.podman.creations import Creations

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager


class _Play:
    """What goes on, by name; each until it is told to end."""

    def __init__(self) -> None:
        self.inside: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def begin(self, name: str, turn: AbstractAsyncContextManager[None]) -> None:
        self._ends[name] = asyncio.Event()
        self._tasks[name] = asyncio.create_task(self._run(name, turn))
        await self.settle()

    async def end(self, name: str) -> None:
        self._ends[name].set()
        await self._tasks[name]
        await self.settle()

    async def cancel(self, name: str) -> None:
        self._tasks[name].cancel()
        await asyncio.wait([self._tasks[name]])
        await self.settle()

    async def settle(self) -> None:
        for _ in range(8):
            await asyncio.sleep(0)

    async def _run(self, name: str, turn: AbstractAsyncContextManager[None]) -> None:
        async with turn:
            self.inside.append(name)
            try:
                await self._ends[name].wait()
            finally:
                self.inside.remove(name)


async def test_creations_go_on_beside_each_other_and_a_removal_waits_for_all_of_them() -> None:
    creations, play = Creations(), _Play()
    await play.begin("a", creations.one())
    await play.begin("b", creations.one())
    await play.begin("removal", creations.none())
    assert play.inside == ["a", "b"]
    await play.end("a")
    assert play.inside == ["b"]
    await play.end("b")
    assert play.inside == ["removal"]


async def test_a_creation_waits_for_a_removal_also_for_one_that_waits() -> None:
    creations, play = Creations(), _Play()
    await play.begin("a", creations.one())
    await play.begin("removal", creations.none())
    await play.begin("b", creations.one())
    assert play.inside == ["a"]
    await play.end("a")
    assert play.inside == ["removal"]
    await play.end("removal")
    assert play.inside == ["b"]


async def test_what_is_cancelled_holds_nobody_up() -> None:
    creations, play = Creations(), _Play()
    await play.begin("a", creations.one())
    await play.begin("removal", creations.none())
    await play.begin("b", creations.one())
    await play.cancel("removal")
    assert play.inside == ["a", "b"]
    await play.cancel("a")
    await play.begin("removal again", creations.none())
    assert play.inside == ["b"]
    await play.cancel("b")
    assert play.inside == ["removal again"]
