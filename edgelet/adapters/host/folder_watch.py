"""ports.folder_watch by inotify, without a thread. A folder that is not there yet is looked for at each timeout."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from inotify_simple import INotify, flags

from edgelet.api.errors import NotFoundError, StorageError, TooLargeError
from edgelet.ports.folder_watch import FileSignature

_WRITING = flags.MODIFY | flags.CREATE
_DONE = flags.CLOSE_WRITE | flags.MOVED_TO | flags.MOVED_FROM | flags.DELETE
_GONE = flags.DELETE_SELF | flags.MOVE_SELF | flags.IGNORED | flags.UNMOUNT
_SETTLE_S = 0.02  # an editor's save is several events
_MAX_FILES = 4096
_WRITING_S = 60.0  # a writer that is silent for so long is taken for done


class InotifyFolder:
    """Watches one folder. Without inotify (limit reached, a file system without it) looking alone still works."""

    def __init__(self, folder: str | Path, *, blind_s: float = 20.0) -> None:
        """`blind_s`: the longest wait while there is no watch; with one, a look is only for what it cannot see."""
        self._folder = Path(folder)
        self._blind_s = blind_s
        self._notify: INotify | None = None
        self._watched: tuple[int, int] | None = None  # device and inode of the folder that is watched
        self._writing: dict[str, float] = {}  # name -> loop time of the last sign of it
        self._event = asyncio.Event()

    def look(self) -> Mapping[str, FileSignature] | None:
        """Return the regular files by name; None where the folder cannot be looked at."""
        self._watch()
        self._event.clear()  # before looking: what happens from here on wakes again
        found: dict[str, FileSignature] = {}
        try:
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    if entry.name.startswith(".") or len(found) >= _MAX_FILES:
                        continue
                    with contextlib.suppress(OSError):  # it went meanwhile, or is a link to nowhere
                        status = entry.stat()
                        if stat.S_ISREG(status.st_mode):
                            found[entry.name] = self._signature(entry.name, status)
        except OSError:
            return None
        return found

    def read(self, name: str, *, limit_bytes: int) -> bytes:
        """Return a file's content."""
        path = self._folder / name
        try:
            # A fifo put in the file's place must not stop the agent.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                content = file.read(limit_bytes + 1)
        except FileNotFoundError as error:
            raise NotFoundError(f"cannot read {path}: it is gone") from error
        except OSError as error:
            raise StorageError(f"cannot read {path}: {error.strerror}") from error
        if len(content or b"") > limit_bytes:
            raise TooLargeError(f"cannot take {path}: more than {limit_bytes} bytes")
        return content or b""

    async def changed(self, *, timeout_s: float) -> None:
        """Return when something changed, or after the time."""
        self._watch()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s if self._notify is not None else min(timeout_s, self._blind_s)):
                await self._event.wait()
                await asyncio.sleep(_SETTLE_S)

    def close(self) -> None:
        """Stop watching."""
        if self._notify is not None:
            asyncio.get_running_loop().remove_reader(self._notify.fileno())
            self._notify.close()
        self._notify = None
        self._watched = None
        self._writing.clear()

    def _watch(self) -> None:
        """Watch the folder that has the name now: it may be new, or another one."""
        try:
            status = self._folder.stat()
        except OSError:
            return
        if self._watched == (status.st_dev, status.st_ino):
            return
        self.close()
        try:
            notify = INotify(nonblocking=True)
        except OSError:
            return
        try:
            notify.add_watch(self._folder, _WRITING | _DONE | flags.DELETE_SELF | flags.MOVE_SELF | flags.ONLYDIR)
        except OSError:
            notify.close()
            return
        self._notify = notify
        self._watched = (status.st_dev, status.st_ino)
        self._event.set()  # whatever happened in it before was not seen
        asyncio.get_running_loop().add_reader(notify.fileno(), self._readable)

    def _readable(self) -> None:
        if self._notify is None:
            return
        wake = False
        for event in self._notify.read(timeout=0):
            if event.mask & flags.Q_OVERFLOW:
                self._writing.clear()
                wake = True
            elif event.mask & _GONE:
                self.close()
                wake = True
            elif event.mask & _DONE:
                self._writing.pop(event.name, None)
                wake = wake or not event.name.startswith(".")
            elif event.mask & flags.MODIFY or not self._is_link(event.name):
                self._writing[event.name] = asyncio.get_running_loop().time()
            else:  # a new link is never closed after writing
                wake = wake or not event.name.startswith(".")
        if wake:
            self._event.set()

    def _is_link(self, name: str) -> bool:
        try:
            status = (self._folder / name).lstat()
        except OSError:
            return False
        return stat.S_ISLNK(status.st_mode) or status.st_nlink > 1

    def _signature(self, name: str, status: os.stat_result) -> FileSignature:
        return FileSignature(
            device=status.st_dev,
            inode=status.st_ino,
            size_bytes=status.st_size,
            modified_ns=status.st_mtime_ns,
            being_written=self._writing.get(name, -_WRITING_S) + _WRITING_S > asyncio.get_running_loop().time(),
        )
