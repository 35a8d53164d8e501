from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from edgelet.api.errors import StorageError
from edgelet.identity.clock_trust import ClockState, JudgedTime
from edgelet.identity.time_keeper import BUILT, TimeKeeper
from tests.fakes.hand_clock import HandClock
from tests.fakes.object_store import FakeLedger

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class CountingLedger(FakeLedger):
    writes = 0

    async def write(self, name: str, value: bytes) -> None:
        self.writes += 1
        await super().write(name, value)


def keeper(ledger: FakeLedger, clock: HandClock | None = None) -> TimeKeeper:
    return TimeKeeper(clock or HandClock(NOW), ledger, synchronized=lambda: False)


async def test_the_mark_survives_a_restart_and_never_goes_down() -> None:
    ledger = FakeLedger()
    first = keeper(ledger)
    assert first.high_water == BUILT
    first.see(NOW)
    first.see(NOW - 400 * DAY)
    await first.save()
    assert keeper(ledger).high_water == NOW


async def test_it_is_written_once_a_day_at_most() -> None:
    ledger = CountingLedger()
    clock = HandClock(NOW)
    one = keeper(ledger, clock)
    for _ in range(24 * 3):
        one.see(clock.now())
        await one.save()
        clock.run(timedelta(hours=1))
    assert ledger.writes == 3


async def test_a_board_that_learnt_nothing_writes_nothing() -> None:
    ledger = CountingLedger()
    await keeper(ledger).save()
    assert ledger.writes == 0


async def test_a_disk_that_refuses_is_asked_again() -> None:
    ledger = FakeLedger()
    one = keeper(ledger)
    one.see(NOW)
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
    clock = HandClock(NOW)
    clock.wall = datetime(1970, 1, 1, tzinfo=UTC)
    one = keeper(FakeLedger(), clock)
    one.prove(NOW)
    assert not one.believe(NOW - 30 * DAY)
    assert one.judge(believable_until=None).state is ClockState.BEHIND
    assert one.believe(NOW + DAY)
    clock.ticks_s += 3600
    judged = one.judge(believable_until=None)
    assert (judged.at, judged.exact) == (NOW + DAY + timedelta(hours=1), True)
    assert one.high_water == NOW + DAY


def marks(one: TimeKeeper) -> tuple[datetime, datetime]:
    return one.proven, one.high_water


async def test_what_was_only_seen_is_put_back_where_registrar_and_clock_agree_and_stays_so() -> None:
    ledger, clock = CountingLedger(), HandClock(NOW)
    one = keeper(ledger, clock)
    one.prove(NOW - 20 * DAY)
    one.see(NOW + 200 * DAY)
    await one.save()
    assert marks(keeper(ledger, clock)) == (NOW - 20 * DAY, NOW + 200 * DAY), "killed here, it is still as it was"
    assert one.judge(believable_until=None).state is ClockState.BEHIND
    assert one.believe(NOW)
    assert marks(one) == (NOW, NOW)
    assert one.judge(believable_until=None) == JudgedTime(NOW, ClockState.GOOD)
    await one.save()
    assert marks(keeper(ledger, clock)) == (NOW, NOW)
    assert ledger.writes == 2


def test_the_registrars_word_alone_puts_nothing_back_but_links_are_judged_by_it() -> None:
    """Whoever has the broker and an old key of a registrar can say any time of that key's life."""
    clock = HandClock(NOW)
    one = keeper(FakeLedger(), clock)
    one.prove(NOW - 40 * DAY)
    one.see(NOW)
    assert one.believe(NOW - 30 * DAY)
    assert marks(one) == (NOW - 30 * DAY, NOW)
    judged = one.judge(believable_until=None)
    assert judged == JudgedTime(NOW - 30 * DAY, ClockState.WRONG, anchored=True)


def test_a_word_of_before_counts_once_the_clock_is_right_without_another_question() -> None:
    clock = HandClock(NOW + 200 * DAY)
    one = keeper(FakeLedger(), clock)
    one.see(clock.now())
    assert one.believe(NOW)
    assert one.high_water == NOW + 200 * DAY
    clock.run(timedelta(hours=5))
    clock.wall -= 200 * DAY
    right = clock.now()
    assert one.judge(believable_until=None) == JudgedTime(right, ClockState.GOOD)
    assert one.high_water == right


async def test_no_clock_alone_puts_anything_back() -> None:
    clock = HandClock(NOW)
    one = TimeKeeper(clock, FakeLedger(), synchronized=lambda: True)
    one.see(NOW)
    for wall in (NOW - 400 * DAY, datetime(1970, 1, 1, tzinfo=UTC), NOW - timedelta(minutes=10)):
        clock.wall = wall
        one.see(wall)
        one.judge(believable_until=None)
        assert one.high_water == NOW


async def test_what_is_proven_is_never_put_back() -> None:
    ledger, clock = FakeLedger(), HandClock(NOW - 30 * DAY)
    one = keeper(ledger, clock)
    assert one.believe(NOW)
    await one.save()
    for again in (one, keeper(ledger, clock)):
        assert not again.believe(NOW - 30 * DAY)
        again.prove(NOW - 30 * DAY)
        assert again.believe(NOW - timedelta(hours=20)), "registrars' clocks differ a little"
        assert again.proven == NOW


async def test_a_mark_of_before_this_was_two_is_read_as_seen() -> None:
    ledger = CountingLedger()
    ledger.facts["clock/high-water"] = b"2030-07-20T12:00:00Z"
    one = keeper(ledger)
    assert marks(one) == (BUILT, NOW + 200 * DAY)
    await one.save()
    assert (marks(keeper(ledger)), ledger.writes) == (marks(one), 1)
    assert one.believe(NOW)
    await one.save()
    assert marks(keeper(ledger)) == (NOW, NOW)


async def test_a_clock_that_somebody_moves_to_and_fro_costs_two_writes_a_day() -> None:
    ledger, clock = CountingLedger(), HandClock(NOW)
    one = keeper(ledger, clock)
    assert one.believe(NOW)
    await one.save()
    ledger.writes = 0
    for _ in range(24 * 5):
        clock.wall += 30 * DAY
        one.see(clock.now())
        await one.save()
        clock.wall -= 30 * DAY
        one.judge(believable_until=None)
        await one.save()
        assert one.high_water == clock.now()
        clock.run(timedelta(hours=1))
    assert ledger.writes <= 2 * 5 + 1
    assert keeper(ledger, clock).high_water <= clock.now() + timedelta(hours=1)


@given(
    what=st.lists(
        st.tuples(st.sampled_from(["prove", "see", "believe", "jump", "run"]), st.integers(-400, 400)), max_size=30
    )
)
def test_whatever_happens_proven_time_only_rises_and_the_mark_is_not_below_it(what: list[tuple[str, int]]) -> None:
    clock = HandClock(NOW)
    one = keeper(FakeLedger(), clock)
    for do, days in what:
        before = one.proven
        at = NOW + days * DAY
        if do == "jump":
            clock.wall = at
        elif do == "run":
            clock.run(abs(days) * DAY)
        else:
            getattr(one, do)(at)
        judged = one.judge(believable_until=None)
        assert before <= one.proven <= min(one.high_water, judged.at)


async def test_what_is_seen_just_after_something_was_proven_is_written_too() -> None:
    ledger, clock = CountingLedger(), HandClock(NOW)
    one = keeper(ledger, clock)
    one.prove(NOW - 20 * DAY)
    await one.save()
    one.see(NOW)
    await one.save()
    assert (marks(keeper(ledger, clock)), ledger.writes) == ((NOW - 20 * DAY, NOW), 2)
