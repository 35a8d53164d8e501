"""What time it is at least, and whether the system's clock may be believed (pure).

A board without a battery begins in 1970 or at its last stop, one with a bad battery anywhere. So there are three
sources: the system's clock, a high-water mark, and the registrar's signed word with the monotonic seconds since.

The mark has two parts. What is proven was signed: by the registrar, or as the beginning of our own certificate. What
was only seen is what a clock said that somebody vouched for while a link stood with it; it may have been ahead.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

AGREES = timedelta(hours=1)  # a clock that is off by less opens no other certificate than a right one


class ClockState(StrEnum):
    """How much the system's clock is worth; the words are shown to people and on the wire."""

    GOOD = "Synchronized"  # or as the registrar says
    UNKNOWN = "Unsynchronized"  # nobody vouches for it
    BEHIND = "Behind"  # it is before the high-water mark
    WRONG = "Wrong"  # the registrar's signed time is another one


@dataclass(frozen=True, slots=True)
class Anchor:
    """The registrar's signed word: it was `at` when our monotonic clock showed `monotonic_s`."""

    at: datetime
    monotonic_s: float

    def told(self, monotonic_s: float) -> datetime:
        """Return what time it is by that word, when our monotonic clock shows this."""
        return self.at + timedelta(seconds=monotonic_s - self.monotonic_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReading:
    """One look at everything that tells time."""

    now: datetime
    monotonic_s: float
    synchronized: bool
    proven: datetime
    high_water: datetime  # not before `proven`
    anchor: Anchor | None = None


@dataclass(frozen=True, slots=True)
class JudgedTime:
    """The time to judge dates by. Where `state` is not GOOD, `at` is what true time is at least, not what it is."""

    at: datetime
    state: ClockState
    anchored: bool = False  # `at` comes from the registrar's word: it is the time

    @property
    def exact(self) -> bool:
        """Whether `at` is the time, and not only a bound."""
        return self.anchored or self.state is ClockState.GOOD


def judge(reading: ClockReading, *, believable_until: datetime | None) -> JudgedTime:
    """Return the time to judge certificates by.

    A clock that nobody vouches for is believed where it lies between the mark and `believable_until`: beyond that it
    would end our own certificate, and a wrong guess cuts the board off. The registrar's word beats what was only seen.

    Args:
        reading: What there is.
        believable_until: The end of the own certificate; None: there is none.

    Source: WIRE rule 12: an unsynchronised clock never ends a link for good.
    """
    now, mark = reading.now, reading.high_water
    if (anchor := reading.anchor) is not None:
        told = anchor.told(reading.monotonic_s)
        if abs(now - told) <= AGREES:
            return JudgedTime(max(now, mark), ClockState.GOOD)
        return JudgedTime(max(told, reading.proven), ClockState.WRONG, anchored=True)
    if now < mark - AGREES:
        return JudgedTime(mark, ClockState.BEHIND)
    if reading.synchronized:
        return JudgedTime(max(now, mark), ClockState.GOOD)
    if believable_until is not None and now > believable_until:
        return JudgedTime(mark, ClockState.UNKNOWN)
    return JudgedTime(max(now, mark), ClockState.UNKNOWN)
