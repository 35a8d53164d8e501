"""Time, as an argument: one clock that only goes forward, one that is shown to people."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Two clocks. Every timer uses `monotonic_s`; `now` is only displayed, compared with certificates, or for cron."""

    def now(self) -> datetime:
        """Return the wall time, aware, in UTC. It may jump, both ways, by years."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds that never go back, counted from an arbitrary start (CLOCK_BOOTTIME: sleep counts)."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after that many monotonic seconds."""
        ...
