"""Keeps the high-water mark: what true time is never below, in memory at once and on disk once a day at most."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from edgelet.api import time
from edgelet.api.errors import StorageError
from edgelet.identity import clock_trust
from edgelet.identity.clock_trust import Anchor, ClockReading, JudgedTime
from edgelet.ports.clock import Clock
from edgelet.ports.object_store import Ledger

_log = logging.getLogger(__name__)

BUILT = datetime(2026, 11, 1, tzinfo=UTC)  # raised with a release: no board that runs this lives before it
_FACT = "clock/high-water"
_COARSE = timedelta(days=1)


class TimeKeeper:
    """What time it is at least. `judge` and `raise_to` may be called from any thread."""

    def __init__(
        self, clock: Clock, ledger: Ledger, *, synchronized: Callable[[], bool], built: datetime = BUILT
    ) -> None:
        """`synchronized` asks the kernel whether somebody vouches for the clock."""
        self._clock = clock
        self._ledger = ledger
        self._synchronized = synchronized
        self._anchor: Anchor | None = None
        self._saved = _read(ledger.read(_FACT))
        self._built = built
        self._mark = max(self._saved, built)

    @property
    def high_water(self) -> datetime:
        return self._mark

    def judge(self, *, believable_until: datetime | None) -> JudgedTime:
        """See clock_trust.judge."""
        reading = ClockReading(
            now=self._clock.now(),
            monotonic_s=self._clock.monotonic_s(),
            synchronized=self._synchronized(),
            high_water=self._mark,
            anchor=self._anchor,
        )
        return clock_trust.judge(reading, believable_until=believable_until)

    def raise_to(self, at: datetime) -> None:
        """Note that true time is not before `at`; a lower one changes nothing."""
        self._mark = max(self._mark, at)

    def believe(self, at: datetime) -> None:
        """Take the registrar's signed time. One below the mark is not believed: its clock is the wrong one."""
        if at < self._mark - _COARSE:
            _log.warning(
                "the registrar's time is not believed",
                extra={"reason": "ClockBehind", "told": time.render(at), "at_least": time.render(self._mark)},
            )
            return
        self._anchor = Anchor(at, self._clock.monotonic_s())
        self.raise_to(at)

    async def save(self) -> None:
        """Bring the mark to disk if it rose by a day since it was. Never raises EdgeletError."""
        if self._mark - self._saved < _COARSE or self._mark == self._built:
            return
        mark = self._mark
        try:
            await self._ledger.write(_FACT, time.render(mark).encode())
        except StorageError as error:
            _log.warning("cannot keep the time", extra={"reason": error.reason, "error": error.message})
        else:
            self._saved = mark


def _read(kept: bytes | None) -> datetime:
    if kept is not None:
        try:
            return time.parse(kept.decode())
        except ValueError:
            _log.warning("the kept time cannot be read", extra={"reason": "InternalError"})
    return datetime(1970, 1, 1, tzinfo=UTC)
