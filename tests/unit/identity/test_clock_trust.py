from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.identity import clock_trust
from edgelet.identity.clock_trust import Anchor, ClockReading, ClockState, JudgedTime

MARK = datetime(2030, 1, 1, tzinfo=UTC)
PROVEN = datetime(2029, 11, 1, tzinfo=UTC)
UNTIL = datetime(2030, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
YEAR = timedelta(days=365)


def judged(
    now: datetime,
    *,
    synchronized: bool,
    anchor: Anchor | None = None,
    monotonic_s: float = 0.0,
    until: datetime = UNTIL,
) -> JudgedTime:
    reading = ClockReading(
        now=now,
        monotonic_s=monotonic_s,
        synchronized=synchronized,
        proven=PROVEN,
        high_water=MARK,
        anchor=anchor,
    )
    return clock_trust.judge(reading, believable_until=until)


@pytest.mark.parametrize(
    ("now", "synchronized", "at", "state"),
    [
        (MARK + DAY, True, MARK + DAY, ClockState.GOOD),
        (MARK + 5 * YEAR, True, MARK + 5 * YEAR, ClockState.GOOD),  # somebody vouches for it
        (MARK - timedelta(minutes=5), True, MARK, ClockState.GOOD),  # the mark came from another clock
        (MARK + DAY, False, MARK + DAY, ClockState.UNKNOWN),
        (MARK + 5 * YEAR, False, MARK, ClockState.UNKNOWN),  # it would end our own certificate
        (MARK - 30 * DAY, False, MARK, ClockState.BEHIND),
        (MARK - 30 * DAY, True, MARK, ClockState.BEHIND),
        (datetime(1970, 1, 1, tzinfo=UTC), False, MARK, ClockState.BEHIND),
    ],
)
def test_a_clock_is_believed_as_far_as_it_can_be_true(
    now: datetime, synchronized: bool, at: datetime, state: ClockState
) -> None:
    assert judged(now, synchronized=synchronized) == JudgedTime(at, state)


def test_the_registrars_word_goes_on_with_the_monotonic_clock_and_beats_a_clock_that_differs() -> None:
    anchor = Anchor(MARK + DAY, 1000.0)
    wrong = judged(MARK + 5 * YEAR, synchronized=True, anchor=anchor, monotonic_s=4600.0)
    assert wrong == JudgedTime(MARK + DAY + timedelta(hours=1), ClockState.WRONG, anchored=True)
    assert wrong.exact
    now = MARK + DAY + timedelta(minutes=10)
    agrees = judged(now, synchronized=False, anchor=anchor, monotonic_s=1000.0)
    assert agrees == JudgedTime(now, ClockState.GOOD)


def test_the_registrars_word_beats_what_was_only_seen_and_not_what_is_proven() -> None:
    for told, at in ((MARK - DAY, MARK - DAY), (PROVEN - DAY, PROVEN)):
        found = judged(MARK + DAY, synchronized=True, anchor=Anchor(told, 0.0))
        assert found == JudgedTime(at, ClockState.WRONG, anchored=True)


def test_only_what_is_the_time_is_exact() -> None:
    assert judged(MARK + DAY, synchronized=True).exact
    assert not judged(MARK + DAY, synchronized=False).exact
    assert not judged(MARK - 30 * DAY, synchronized=True).exact


@given(
    now=st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2099, 1, 1)),  # noqa: DTZ001  UTC is added
    synchronized=st.booleans(),
    told=st.none() | st.floats(min_value=-1e9, max_value=1e9),
)
def test_no_clock_brings_the_time_below_the_mark_and_no_word_below_what_is_proven(
    now: datetime, synchronized: bool, told: float | None
) -> None:
    anchor = None if told is None else Anchor(MARK + timedelta(seconds=told), 0.0)
    found = judged(now.replace(tzinfo=UTC), synchronized=synchronized, anchor=anchor)
    assert found.at >= (PROVEN if found.anchored else MARK)


@given(now=st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2099, 1, 1)))  # noqa: DTZ001  UTC is added
def test_a_clock_that_nobody_vouches_for_never_ends_a_certificate_that_outlives_the_mark(now: datetime) -> None:
    assert judged(now.replace(tzinfo=UTC), synchronized=False).at <= UNTIL
