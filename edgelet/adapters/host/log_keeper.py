"""ports.log_keeping on the files that conmon writes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from edgelet.adapters.host import log_parts
from edgelet.api.errors import EdgeletError
from edgelet.ports.log_keeping import LogRef, SeenLog

Result = TypeVar("Result")


class HostLogKeeper:
    """Logs below one directory. Every call is one piece of work in a thread: an SD card may take its time."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def look(self, logs: tuple[LogRef, ...]) -> tuple[SeenLog, ...]:
        """See ports.log_keeping."""
        return await _in_thread(lambda: self._look(logs)) if logs else ()

    async def cut(self, log: LogRef, part: int) -> None:
        """See ports.log_keeping."""
        path = self._path(log)
        await _in_thread(lambda: _cut(path, part))

    async def drop(self, log: LogRef, parts: tuple[int, ...]) -> None:
        """See ports.log_keeping."""
        path = self._path(log)

        def work() -> None:
            for number in parts:
                log_parts.part(path, number).unlink(missing_ok=True)

        await _in_thread(work)

    def _look(self, logs: tuple[LogRef, ...]) -> tuple[SeenLog, ...]:
        disk = os.statvfs(self._root)
        free = disk.f_bavail * disk.f_frsize
        return tuple(_seen(self._path(log), free) for log in logs)

    def _path(self, log: LogRef) -> Path:
        return log_parts.path(self._root, log.pod, log.container, log.instance)


def _seen(path: Path, free_bytes: int) -> SeenLog:
    try:
        size: int | None = path.lstat().st_size
    except FileNotFoundError:
        size = None
    return SeenLog(size_bytes=size, parts=log_parts.numbers(path), free_bytes=free_bytes)


def _cut(path: Path, part: int) -> None:
    target = log_parts.part(path, part)
    if target.exists():  # a rename would destroy it: look again first
        return
    path.rename(target)


async def _in_thread(work: Callable[[], Result]) -> Result:
    try:
        return await asyncio.to_thread(work)
    except FileNotFoundError as error:
        raise EdgeletError("NotFound", f"cannot keep a log: {error.filename} is gone") from error
    except OSError as error:
        raise EdgeletError("InternalError", f"cannot keep a log: {error.filename}: {error.strerror}") from error
