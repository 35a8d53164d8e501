from __future__ import annotations

import asyncio
import json
import random
import zlib

import pytest

from edgelet.api.errors import StorageError
from edgelet.node.kept_events import KeptEvents
from edgelet.node.outbox import Letter, Rank
from tests.fakes import virtual_time
from tests.fakes.object_store import FakeLedger


def letter(number: int, size: int = 10) -> Letter:
    return Letter(f"events/default/e{number}", Rank.EVENT, b"x" * size)


def kept(ledger: FakeLedger, **bounds: int) -> KeptEvents:
    return KeptEvents(ledger, clock=virtual_time.VirtualClock(), **bounds)


async def test_what_waited_is_there_after_a_restart_and_gone_when_it_was_told() -> None:
    ledger = FakeLedger()
    await kept(ledger).save((letter(1), letter(2)))
    again = kept(ledger)
    assert [one.topic for one in again.letters()] == ["events/default/e1", "events/default/e2"]
    assert again.any
    await again.save(())
    assert kept(ledger).letters() == ()
    assert not kept(ledger).any


async def test_the_newest_are_kept_where_there_is_too_much() -> None:
    ledger = FakeLedger()
    await kept(ledger, max_bytes=250).save(letter(number, 100) for number in range(5))
    assert [one.topic for one in kept(ledger).letters()] == ["events/default/e3", "events/default/e4"]


@pytest.mark.parametrize("data", [b"torn", zlib.compress(b"{"), zlib.compress(json.dumps([1]).encode())])
async def test_what_cannot_be_read_is_left(data: bytes) -> None:
    ledger = FakeLedger()
    await ledger.write("events/unsent", data)
    assert kept(ledger).letters() == ()


def test_one_write_a_minute_and_none_where_nothing_changed() -> None:
    class Counting(FakeLedger):
        writes = 0
        full = False

        async def write(self, name: str, value: bytes) -> None:
            self.writes += 1
            if self.full:
                raise StorageError("cannot write: no space left")
            await super().write(name, value)

    async def run() -> None:
        ledger = Counting()
        waiting = [letter(1)]
        events = kept(ledger)
        task = asyncio.create_task(events.follow(lambda: tuple(waiting)))
        for _ in range(50):
            events.note()
            await asyncio.sleep(1)
        assert ledger.writes == 0
        await asyncio.sleep(60)
        events.note()
        await asyncio.sleep(61)
        assert ledger.writes == 1
        ledger.full = True
        waiting.append(letter(2))
        events.note()
        await asyncio.sleep(121)
        assert [one.topic for one in kept(ledger).letters()] == ["events/default/e1"]
        ledger.full = False
        events.note()
        await asyncio.sleep(241)
        assert len(kept(ledger).letters()) == 2
        task.cancel()

    virtual_time.run(run())


def test_a_day_without_a_link_costs_little_flash_however_much_happens() -> None:
    class Measuring(FakeLedger):
        written = 0

        async def write(self, name: str, value: bytes) -> None:
            self.written += len(value)
            await super().write(name, value)

    async def run() -> None:
        ledger = Measuring()
        waiting: list[Letter] = []
        events = kept(ledger)
        task = asyncio.create_task(events.follow(lambda: tuple(waiting)))
        chance = random.Random(7)  # noqa: S311  repeatable, not secret
        for number in range(24 * 60):
            text = f"{number} {chance.getrandbits(256):x} Container started: main " * 8
            waiting.append(Letter(f"events/default/e{number}", Rank.EVENT, text.encode()))
            events.note()
            await asyncio.sleep(60)
        assert ledger.written < 5_000_000
        waiting.clear()
        events.note()
        await asyncio.sleep(1801)
        assert not kept(ledger).any
        waiting.append(letter(1))
        events.note()
        await asyncio.sleep(61)  # once they were told it is a minute again
        assert kept(ledger).any
        task.cancel()

    virtual_time.run(run())
