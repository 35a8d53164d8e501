"""Events that could not be told yet, on disk, so that a restart of an agent without a link does not lose the newest.

Written a minute after the first one had to wait, and once more when they were told: a link that comes and goes costs no
write. Each write is of all of them, so while the link stays away the pauses double, up to half an hour. What waited for
less than that when the agent is killed is lost; one that stops in order writes at once.
"""

from __future__ import annotations

import asyncio
import json
import logging
import zlib
from collections.abc import Callable, Iterable

from edgelet.api.errors import StorageError
from edgelet.node.outbox import Letter, Rank
from edgelet.ports.clock import Clock
from edgelet.ports.object_store import Ledger

log = logging.getLogger(__name__)

_NAME = "events/unsent"
_DELAY_S = 60.0
_MAX_DELAY_S = 1800.0


class KeptEvents:
    """The newest unsent events.

    Args:
        ledger: Where they are kept.
        clock: For the delay.
        max_bytes: Of payloads; the oldest are left out.
    """

    def __init__(self, ledger: Ledger, *, clock: Clock, max_bytes: int = 262_144) -> None:
        self._ledger = ledger
        self._clock = clock
        self._max_bytes = max_bytes
        self._saved = ledger.read(_NAME) or b""
        self._changed = asyncio.Event()

    @property
    def any(self) -> bool:
        """Whether some are on disk."""
        return bool(self._saved)

    def letters(self) -> tuple[Letter, ...]:
        """Return what an earlier run could not tell, oldest first; nothing where it cannot be read."""
        try:
            rows = json.loads(zlib.decompress(self._saved)) if self._saved else []
            return tuple(Letter(str(topic), Rank.EVENT, str(payload).encode()) for topic, payload in rows)
        except (zlib.error, ValueError, TypeError) as error:
            log.warning(
                "cannot read the events that were not told", extra={"reason": "EventsUnreadable"}, exc_info=error
            )
            return ()

    def note(self) -> None:
        """Hear that one has to wait, or that one was told."""
        self._changed.set()

    async def follow(self, waiting: Callable[[], Iterable[Letter]]) -> None:
        """Save what waits, a minute after it was noted, later if it was saved before. For ever."""
        delay_s = _DELAY_S
        while True:
            await self._changed.wait()
            await self._clock.sleep(delay_s)
            self._changed.clear()
            await self.save(waiting())
            delay_s = min(2 * delay_s, _MAX_DELAY_S) if self.any else _DELAY_S

    async def save(self, waiting: Iterable[Letter]) -> None:
        """Have just these on disk. What cannot be written is tried again at the next note."""
        data = self._encode(waiting)
        if data == self._saved:
            return
        try:
            await self._ledger.write(_NAME, data)
        except StorageError as error:
            log.warning("cannot keep events", extra={"reason": error.reason, "error": error.message})
            return
        self._saved = data

    def _encode(self, waiting: Iterable[Letter]) -> bytes:
        rows: list[tuple[str, str]] = []
        room = self._max_bytes
        for letter in reversed(tuple(waiting)):
            payload = letter.payload or b""
            room -= len(payload)
            if room < 0:
                break
            rows.append((letter.topic, payload.decode()))
        return zlib.compress(json.dumps(rows[::-1], ensure_ascii=False).encode()) if rows else b""
