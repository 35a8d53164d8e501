from __future__ import annotations

import asyncio

import pytest

from edgelet.pods.command_turns import CommandTurns
from tests.fakes import virtual_time


class Commands:
    """Commands that take a time each; who began, when, and how many were under way at most."""

    def __init__(self) -> None:
        self.began: list[tuple[str, float]] = []
        self.under_way = 0
        self.most = 0
        self.cancelled: list[str] = []

    async def run(self, name: str, takes_s: float) -> str:
        self.began.append((name, asyncio.get_running_loop().time()))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(takes_s)
        except asyncio.CancelledError:
            self.cancelled.append(name)
            raise
        finally:
            self.under_way -= 1
        return name


def test_a_hundred_at_once_run_a_few_at_a_time_in_the_order_in_which_they_came() -> None:
    async def story() -> None:
        turns, commands = CommandTurns(4), Commands()
        names = [str(number) for number in range(100)]
        found = await asyncio.gather(*(turns.take(commands.run(name, 1.0)) for name in names))
        assert found == names
        assert [name for name, _ in commands.began] == names
        assert commands.most == 4
        assert commands.began[-1][1] == 24.0

    virtual_time.run(story())


def test_a_command_that_hangs_does_not_keep_the_others_from_their_turn() -> None:
    async def story() -> None:
        turns, commands = CommandTurns(1), Commands()
        hanging = asyncio.create_task(turns.take(commands.run("hangs", 300.0)))
        await asyncio.sleep(0)
        assert await turns.take(commands.run("next", 0.5)) == "next"
        assert commands.began == [("hangs", 0.0), ("next", 2.0)]
        assert await hanging == "hangs"
        assert asyncio.get_running_loop().time() == 300.0

    virtual_time.run(story())


@pytest.mark.parametrize("at_s", [0.5, 5.0])
def test_a_probe_that_ends_takes_its_command_with_it_and_gives_its_turn_back(at_s: float) -> None:
    async def story() -> None:
        turns, commands = CommandTurns(1), Commands()
        asked = asyncio.create_task(turns.take(commands.run("asked", 300.0)))
        await asyncio.sleep(at_s)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert commands.cancelled == ["asked"]
        waits = asyncio.create_task(turns.take(commands.run("first", 1.0)))
        never = asyncio.create_task(turns.take(commands.run("never", 1.0)))
        await asyncio.sleep(0.5)
        never.cancel()
        assert await waits == "first"
        assert await turns.take(commands.run("last", 1.0)) == "last"
        assert [name for name, _ in commands.began] == ["asked", "first", "last"]

    virtual_time.run(story())


def test_what_a_command_raises_is_raised() -> None:
    async def fails() -> None:
        raise ValueError("no such command")

    async def story() -> None:
        turns = CommandTurns(1)
        for _ in range(2):
            with pytest.raises(ValueError, match="no such command"):
                await turns.take(fails())

    virtual_time.run(story())
