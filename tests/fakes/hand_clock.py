"""A clock that a test moves by hand."""

from __future__ import annotations

from datetime import datetime, timedelta


class HandClock:
    """Set `wall` to have it jump; `run` lets time pass on both."""

    def __init__(self, wall: datetime) -> None:
        self.wall, self.ticks_s = wall, 0.0

    def now(self) -> datetime:
        return self.wall

    def monotonic_s(self) -> float:
        return self.ticks_s

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(f"no test lets {seconds} s of this clock pass by sleeping: it calls run")

    def run(self, passed: timedelta) -> None:
        self.wall += passed
        self.ticks_s += passed.total_seconds()
