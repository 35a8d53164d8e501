"""What wakes the follower of a log: inotify where there is one left, a look now and then anyhow."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from types import TracebackType
from typing import Self

from inotify_simple import INotify, flags

log = logging.getLogger(__name__)

_MASK = flags.MODIFY | flags.CREATE | flags.MOVED_TO | flags.MOVED_FROM | flags.CLOSE_WRITE | flags.DELETE


class LogWake:
    """Watches the directory of a log file: writes, rotation and creation in one watch."""

    def __init__(self, path: Path) -> None:
        self._directory = path.parent
        self._changed = asyncio.Event()
        self._inotify: INotify | None = None

    def __enter__(self) -> Self:
        inotify = None
        try:
            inotify = INotify(nonblocking=True)
            inotify.add_watch(self._directory, _MASK)
        except OSError as error:  # no directory yet, or no instance or watch left (fs.inotify)
            log.debug("following a log without inotify", extra={"error": str(error)})
            if inotify is not None:
                inotify.close()
            return self
        self._inotify = inotify
        asyncio.get_running_loop().add_reader(inotify.fileno(), self._read)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._inotify is not None:
            asyncio.get_running_loop().remove_reader(self._inotify.fileno())
            self._inotify.close()
            self._inotify = None

    async def wait(self, timeout_s: float) -> None:
        """Return after a change, at the latest after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        except TimeoutError:
            pass
        self._changed.clear()

    def _read(self) -> None:
        if self._inotify is not None:
            self._inotify.read(timeout=0)
            self._changed.set()
