"""The machine's two clocks. The only place that reads the wall clock."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

# The event loop's own clock stands still while the board sleeps: a long wait is cut so that it is noticed.
_NAP_MAX_S = 300.0


class SystemClock:
    """ports.clock.Clock on CLOCK_BOOTTIME and the system's wall clock."""

    def now(self) -> datetime:
        """Return the wall time in UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Return seconds since boot; time asleep counts."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds of `monotonic_s`; after a suspended board wakes, at most 300 s late."""
        deadline_s = self.monotonic_s() + seconds
        await asyncio.sleep(0)
        while (left_s := deadline_s - self.monotonic_s()) > 0:  # noqa: ASYNC110  time is what is waited for
            await asyncio.sleep(min(left_s, _NAP_MAX_S))
