from __future__ import annotations

from datetime import UTC, datetime, timedelta

from edgelet.api.errors import StorageError
from edgelet.identity.clock_trust import ClockState
from edgelet.identity.time_keeper import BUILT, TimeKeeper
from tests.fakes.object_store import FakeLedger

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class Clock:
    def __init__(self) -> None:
        self.wall, self.ticks_s = NOW, 0.0

    def now(self) -> datetime:
        return self.wall

    def monotonic_s(self) -> float:
        return self.ticks_s

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


class CountingLedger(FakeLedger):
    writes = 0

    async def write(self, name: str, value: bytes) -> None:
        self.writes += 1
        await super().write(name, value)


def keeper(ledger: FakeLedger, clock: Clock | None = None) -> TimeKeeper:
    return TimeKeeper(clock or Clock(), ledger, synchronized=lambda: False)


async def test_the_mark_survives_a_restart_and_never_goes_down() -> None:
    ledger = FakeLedger()
    first = keeper(ledger)
    assert first.high_water == BUILT
    first.raise_to(NOW)
    first.raise_to(NOW - 400 * DAY)
    await first.save()
    assert keeper(ledger).high_water == NOW


async def test_it_is_written_once_a_day_at_most() -> None:
    ledger = CountingLedger()
    one = keeper(ledger)
    for hour in range(24 * 3):
        one.raise_to(NOW + timedelta(hours=hour))
        await one.save()
    assert ledger.writes == 3


async def test_a_board_that_learnt_nothing_writes_nothing() -> None:
    ledger = CountingLedger()
    await keeper(ledger).save()
    assert ledger.writes == 0


async def test_a_disk_that_refuses_is_asked_again() -> None:
    ledger = FakeLedger()
    one = keeper(ledger)
    one.raise_to(NOW)
    ledger.fail_with = StorageError("full")
    await one.save()
    assert ledger.facts == {}
    await one.save()
    assert keeper(ledger).high_water == NOW


def test_a_damaged_mark_is_forgotten_not_fatal() -> None:
    ledger = FakeLedger()
    ledger.facts["clock/high-water"] = b"\xff\x00"
    assert keeper(ledger).high_water == BUILT


def test_the_registrars_word_sets_the_time_and_one_from_before_the_mark_does_not() -> None:
    clock = Clock()
    clock.wall = datetime(1970, 1, 1, tzinfo=UTC)
    one = keeper(FakeLedger(), clock)
    one.raise_to(NOW)
    one.believe(NOW - 30 * DAY)
    assert one.judge(believable_until=None).state is ClockState.BEHIND
    one.believe(NOW + DAY)
    clock.ticks_s += 3600
    judged = one.judge(believable_until=None)
    assert (judged.at, judged.exact) == (NOW + DAY + timedelta(hours=1), True)
    assert one.high_water == NOW + DAY
