"""Keeps what time it is at least: what is proven, and what was only seen; in memory at once, on disk rarely."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from edgelet.api import time
from edgelet.api.errors import StorageError
from edgelet.identity import clock_trust
from edgelet.identity.clock_trust import AGREES, Anchor, ClockReading, JudgedTime
from edgelet.ports.clock import Clock
from edgelet.ports.object_store import Ledger

_log = logging.getLogger(__name__)

BUILT = datetime(2026, 11, 1, tzinfo=UTC)  # raised with a release: no board that runs this lives before it
_FACT = "clock/high-water"
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_COARSE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Mark:
    """Both parts, as they are or as they are on disk."""

    proven: datetime = _NEVER
    seen: datetime = _NEVER

    @property
    def at_least(self) -> datetime:
        return max(self.proven, self.seen)


class TimeKeeper:
    """What time it is at least. All but `save` may be called from any thread.

    What is proven never goes down. What was only seen goes down where two agree that it is earlier: the registrar's
    signed word and the system's clock. One of them is not enough: whoever has the broker and a registrar's key that
    ended could tell any time of that key's life, and have believed again what is over since.
    """

    def __init__(
        self, clock: Clock, ledger: Ledger, *, synchronized: Callable[[], bool], built: datetime = BUILT
    ) -> None:
        """`synchronized` asks the kernel whether somebody vouches for the clock."""
        self._clock = clock
        self._ledger = ledger
        self._synchronized = synchronized
        self._anchor: Anchor | None = None
        self._saved = _read(ledger.read(_FACT))
        self._next_rise_s = float("-inf")
        self._built = built
        self._proven = max(self._saved.proven, built)
        self._seen = self._saved.seen

    @property
    def high_water(self) -> datetime:
        """What true time is not below, as far as the board knows."""
        return max(self._proven, self._seen)

    @property
    def proven(self) -> datetime:
        """What true time is certainly not below."""
        return self._proven

    def judge(self, *, believable_until: datetime | None) -> JudgedTime:
        """See clock_trust.judge."""
        now, monotonic_s = self._clock.now(), self._clock.monotonic_s()
        self._put_back(now, monotonic_s)
        reading = ClockReading(
            now=now,
            monotonic_s=monotonic_s,
            synchronized=self._synchronized(),
            proven=self._proven,
            high_water=self.high_water,
            anchor=self._anchor,
        )
        return clock_trust.judge(reading, believable_until=believable_until)

    def is_disputed(self) -> bool:
        """Whether a clock that somebody vouches for is apart from the registrar's word: either may be right by now."""
        if self._anchor is None or not self._synchronized():
            return False
        return abs(self._clock.now() - self._anchor.told(self._clock.monotonic_s())) > AGREES

    def prove(self, at: datetime) -> None:
        """Note that true time is not before `at`, as it was signed; a lower one changes nothing."""
        self._proven = max(self._proven, at)

    def see(self, at: datetime) -> None:
        """Note what a clock says that somebody vouches for; a lower one changes nothing."""
        self._seen = max(self._seen, at)

    def believe(self, at: datetime) -> bool:
        """Take the registrar's signed answer to a question of now, and return whether it is believed.

        One before what is proven is not: the registrar's clock is the wrong one, or its key an old one.
        """
        if at < self._proven - _COARSE:
            _log.warning(
                "the registrar's time is not believed",
                extra={"reason": "ClockBehind", "told": time.render(at), "at_least": time.render(self._proven)},
            )
            return False
        self._anchor = Anchor(at, self._clock.monotonic_s())
        self.prove(at)
        self._put_back(self._clock.now(), self._clock.monotonic_s())
        return True

    def _put_back(self, now: datetime, monotonic_s: float) -> None:
        """Forget what was seen where registrar and clock agree that it is not so late."""
        anchor, seen = self._anchor, self._seen
        if anchor is None:
            return
        told = anchor.told(monotonic_s)
        if seen > told + AGREES and abs(now - told) <= AGREES:
            self._seen = told
            _log.warning(
                "a clock was ahead; the time that is kept is put back",
                extra={"was": time.render(seen), "now": time.render(told)},
            )

    async def save(self) -> None:
        """Bring both parts to disk where they differ by enough. Never raises EdgeletError.

        At rest that is once a day at most; a mark that was put back is written at once, or it would come again with the
        next start. What is seen is written once in a day of the monotonic clock: one that somebody moves to and fro
        costs two writes a day.
        """
        mark, now_s = _Mark(self._proven, self._seen), self._clock.monotonic_s()
        fell = self._saved.at_least - mark.at_least > AGREES
        rose = mark.at_least - self._saved.at_least >= _COARSE and now_s >= self._next_rise_s
        proved = mark.proven - self._saved.proven >= _COARSE
        if not fell and not ((rose or proved) and mark.at_least > self._built):
            return
        try:
            await self._ledger.write(_FACT, f"{time.render(mark.proven)} {time.render(mark.seen)}".encode())
        except StorageError as error:
            _log.warning("cannot keep the time", extra={"reason": error.reason, "error": error.message})
            return
        self._saved = mark
        if not fell and not proved:
            self._next_rise_s = now_s + _COARSE.total_seconds()


def _read(kept: bytes | None) -> _Mark:
    """Return what is on disk. One time alone is of before: how it came about was not kept, so it was seen."""
    if kept is not None:
        try:
            words = kept.decode().split(" ")
            return _Mark(proven=time.parse(words[0]) if len(words) > 1 else _NEVER, seen=time.parse(words[-1]))
        except ValueError:
            _log.warning("the kept time cannot be read", extra={"reason": "InternalError"})
    return _Mark()
