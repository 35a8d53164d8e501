"""The wait between two attempts to connect, and what ends it early."""

from __future__ import annotations

import asyncio

from edgelet.ports.clock import Clock

_LOOK_S = 20.0
_STEP_S = 60.0


class Pause:
    """Belongs to one bus. It ends by time, by its two events, or when somebody sets the clock."""

    def __init__(self, clock: Clock) -> None:
        self.closing = asyncio.Event()  # for good
        self.hurry = asyncio.Event()  # what made the last attempt fail has changed
        self._clock = clock

    async def wait(self, seconds: float) -> None:
        """Wait, or until one of the events, or until somebody sets the clock: dates look different then."""
        waits = (
            asyncio.create_task(self._sleep(seconds), name="mqtt/pause"),
            asyncio.create_task(self.closing.wait(), name="mqtt/closing"),
            asyncio.create_task(self.hurry.wait(), name="mqtt/hurry"),
        )
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _sleep(self, seconds: float) -> None:
        end_s = self._clock.monotonic_s() + seconds
        wall_s = self._wall_offset_s()
        while (left_s := end_s - self._clock.monotonic_s()) > 0 and abs(self._wall_offset_s() - wall_s) < _STEP_S:
            await self._clock.sleep(min(left_s, _LOOK_S))

    def _wall_offset_s(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic_s()
