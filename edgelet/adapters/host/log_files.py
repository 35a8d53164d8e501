"""ports.log_files on conmon's files: `<logs>/<ns>_<pod>_<uid>/<container>/<instance>.log` and its parts."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

from edgelet.adapters.host import log_parts
from edgelet.adapters.host.log_lines import LineWriter
from edgelet.adapters.host.log_tail import tail_place
from edgelet.adapters.host.log_wake import LogWake
from edgelet.api.errors import EdgeletError
from edgelet.ports.log_files import LogView
from edgelet.ports.runtime import PodRef

READ_BYTES = 256 * 1024
LINE_LIMIT_BYTES = 1024 * 1024  # an entry longer than this is cut into several; conmon's are at most 16 KiB
LOOK_EVERY_S = 1.0  # while following: whether the container still lives, and what inotify may have missed
SETTLE_S = 0.1  # conmon may be a moment behind the news of the exit


class HostLogFiles:
    """Log files below one directory. Reading happens in threads: an SD card may take its time."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def exists(self, pod: PodRef, container: str, instance: int) -> bool:
        """Whether that instance has a log file."""
        path = self._path(pod, container, instance)
        return path.exists() or bool(log_parts.numbers(path))

    async def read(
        self, pod: PodRef, container: str, instance: int, *, view: LogView, alive: Callable[[], bool] | None = None
    ) -> AsyncGenerator[bytes, None]:
        """See ports.log_files. Raises EdgeletError(InternalError) where the disk refuses."""
        path = self._path(pod, container, instance)
        writer = LineWriter(view)
        reader = _Reader(path)
        try:
            reader.open()
            if view.tail_lines is not None:
                await asyncio.to_thread(reader.skip_to_tail, view.tail_lines)
            source = reader.to_end() if alive is None else _follow(reader, alive)
            async with contextlib.aclosing(source):
                async for lines in source:
                    if out := writer.write(lines):
                        yield out
                    if writer.full:
                        return
            if out := writer.write(reader.unfinished()) + writer.rest():
                yield out
        except OSError as error:
            raise EdgeletError("InternalError", f"cannot read the log {path}: {error.strerror}") from error
        finally:
            reader.close()

    def _path(self, pod: PodRef, container: str, instance: int) -> Path:
        return log_parts.path(self._root, pod, container, instance)


class LogFollower:
    """What is added to one log file from now on, entry by entry: nothing is joined, so nothing is waited for.

    Args:
        path: The file that is written to.
    """

    def __init__(self, path: Path) -> None:
        self._reader = _Reader(path)
        self._reader.skip_to_end()

    def entries(self, alive: Callable[[], bool]) -> AsyncGenerator[list[bytes], None]:
        """Give blocks of entries until `alive()` is False and what was written by then is given. Raises OSError."""
        return _follow(self._reader, alive)

    def close(self) -> None:
        self._reader.close()


async def _follow(reader: _Reader, alive: Callable[[], bool]) -> AsyncGenerator[list[bytes], None]:
    """Give what is added until the container is gone, over rotations; one last look after its end."""
    with LogWake(reader.path) as wake:
        last = False
        while True:
            lived = alive()
            async for lines in reader.to_end():
                yield lines
            if reader.go_on():
                continue
            if last:
                return
            if not lived:
                last = True
                await asyncio.sleep(SETTLE_S)
                continue
            await wake.wait(LOOK_EVERY_S)


class _Reader:
    """A log read forward in whole lines, from part to part."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1
        self._offset = 0
        self._cut = b""  # a line whose end is not written yet

    def open(self) -> None:
        """Open at the start of the oldest part; a log that is not there yet is an empty one."""
        for file in log_parts.chain(self.path):
            if self._open(file):
                return

    def skip_to_tail(self, lines: int) -> None:
        """Go on at the last lines, whatever part they begin in. Blocking."""
        for file in reversed(log_parts.chain(self.path)):
            if not self._open(file):
                continue
            self._offset, lines = tail_place(self._descriptor, lines)
            if lines <= 0:
                return

    def skip_to_end(self) -> None:
        """Go on at the end of the newest part; an entry that is being written there is left out."""
        for file in reversed(log_parts.chain(self.path)):
            if self._open(file):
                self._offset, _ = tail_place(self._descriptor, 0)
                return

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    async def to_end(self) -> AsyncGenerator[list[bytes], None]:
        """Give whole lines, a block at a time, until the log ends for now."""
        while True:
            while lines := await asyncio.to_thread(self._read_lines):
                yield lines
            if not self.go_on():
                return

    def unfinished(self) -> list[bytes]:
        """Take the line that never got its end."""
        cut, self._cut = self._cut, b""
        return [cut] if cut else []

    def go_on(self) -> bool:
        """Make ready to read what is there beyond the present place; False if there is nothing."""
        files = log_parts.chain(self.path)
        if self._descriptor < 0:
            self.open()
            return self._descriptor >= 0
        mine = os.fstat(self._descriptor)
        if mine.st_size > self._offset:  # written to after our last read
            return True
        if mine.st_size < self._offset:  # emptied in place
            self._offset, self._cut = 0, b""
            return True
        after = files
        for index, file in enumerate(files):
            with contextlib.suppress(FileNotFoundError):
                found = file.lstat()
                if (found.st_dev, found.st_ino) == (mine.st_dev, mine.st_ino):
                    after = files[index + 1 :]
        # Deleted while it was read: what is left of the log is all younger.
        return any(self._open(file) for file in after)

    def _open(self, file: Path) -> bool:
        try:
            descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return False
        self.close()
        self._descriptor, self._offset, self._cut = descriptor, 0, b""
        return True

    def _read_lines(self) -> list[bytes]:
        if self._descriptor < 0:
            return []
        while data := os.pread(self._descriptor, READ_BYTES, self._offset):
            self._offset += len(data)
            *lines, self._cut = (self._cut + data).split(b"\n")
            if len(self._cut) > LINE_LIMIT_BYTES:
                lines.append(self._cut)
                self._cut = b""
            if lines:
                return lines
        return []
