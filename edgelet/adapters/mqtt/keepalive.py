"""When a connection's next ping is due, and the timer that asks for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_SLACK_S = 0.05


class Keepalive:
    """The timer of one connection. It sleeps until a ping may be due, and wakes nobody before."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, *, interval_s: Callable[[], float], due: Callable[[], None]
    ) -> None:
        """`due` sends the ping, or notices that the last one was not answered; it may call `stop`."""
        self._loop = loop
        self._interval_s = interval_s
        self._due = due
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = False
        self._last_in_s = self._last_out_s = loop.time()

    def begin(self) -> None:
        """Count from now, and look again after one interval."""
        self._last_in_s = self._last_out_s = self._loop.time()
        self.again()

    def again(self) -> None:
        """Look after one interval, however long it has become."""
        self._set(self._interval_s())

    def read(self) -> None:
        """Note that something is read."""
        self._last_in_s = self._loop.time()

    def wrote(self) -> None:
        """Note that something is written."""
        self._last_out_s = self._loop.time()

    def stop(self) -> None:
        """Ask no more; the last call."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def _set(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        now = self._loop.time()
        due = min(self._last_in_s, self._last_out_s) + self._interval_s()
        if now >= due:
            self._due()
            self._last_in_s = self._last_out_s = now
            due = now + self._interval_s()
        if not self._stopped:
            self._set(due - now + _SLACK_S)
