"""ports.disk_reserve by files of allocated, never written blocks."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)

NAME = ".edgelet-reserve"


class ReserveFiles:
    """One file in each directory that lies on a file system of its own.

    Podman writes its list of images anew, beside the old one, to delete one: on a disk without a free block none can
    be deleted.

    Args:
        directories: Where; asked each time, since the engine's storage is known late.
        size_bytes: Of each; 0 keeps none.
    """

    def __init__(self, directories: Callable[[], tuple[Path, ...]], *, size_bytes: int) -> None:
        self._directories = directories
        self._size_bytes = size_bytes

    def release(self) -> None:
        """Delete the files."""
        for directory in self._directories():
            with contextlib.suppress(OSError):
                (directory / NAME).unlink(missing_ok=True)

    def hold(self) -> None:
        """Make what is not there."""
        if not self._size_bytes:
            return
        devices = set()
        for directory in self._directories():
            try:
                device = directory.stat().st_dev
                if device not in devices:
                    self._make(directory / NAME)
                devices.add(device)
            except OSError as error:
                log.debug("no room is reserved", extra={"path": str(directory), "error": str(error)})

    def _make(self, path: Path) -> None:
        with contextlib.suppress(FileNotFoundError):
            if path.lstat().st_size == self._size_bytes:
                return
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, self._size_bytes)
            os.ftruncate(descriptor, self._size_bytes)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)
