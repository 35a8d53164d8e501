"""Files with keys: 0600, whole or not there after a power cut, overwritten before they go."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from edgelet.adapters.x509 import durable_file

_MODE = 0o600
_DIRECTORY_MODE = 0o700
_MAX_BYTES = 64 * 1024


def read(path: Path) -> bytes | None:
    """Return the content, None where there is no file. Raises OSError."""
    try:
        with path.open("rb") as opened:
            return opened.read(_MAX_BYTES)
    except FileNotFoundError:
        return None


def write(path: Path, content: bytes) -> None:
    """Replace the file: written beside it, fsync, rename, fsync of the directory. Raises OSError."""
    path.parent.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".tmp")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    durable_file.sync_directory(path.parent)


def set_aside(path: Path) -> Path:
    """Give a file that cannot be used another name, which is returned: nothing that may hold a key is overwritten.

    Raises OSError.
    """
    kept = path.with_name(path.name + ".unusable")
    number = 1
    while kept.exists():
        number += 1
        kept = path.with_name(f"{path.name}.unusable-{number}")
    path.rename(kept)
    durable_file.sync_directory(path.parent)
    return kept


def erase(path: Path) -> None:
    """Overwrite the file with zeros and remove it; not there is no error. Raises OSError.

    What the medium below keeps of it is beyond a program: flash writes elsewhere.
    """
    with suppress(FileNotFoundError):
        handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            left = os.fstat(handle).st_size
            while left > 0:
                left -= os.write(handle, bytes(min(left, _MAX_BYTES)))
            os.fsync(handle)
        finally:
            os.close(handle)
        path.unlink()
        durable_file.sync_directory(path.parent)
