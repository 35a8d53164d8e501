"""Files with keys: 0600, whole or not there after a power cut, overwritten before they go."""

from __future__ import annotations

import glob
import logging
import os
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

_MODE = 0o600
_DIRECTORY_MODE = 0o700
_MAX_BYTES = 64 * 1024
_UNUSABLE = ".unusable"
_KEPT_ASIDE = 3


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
    sync_directory(path.parent)


def set_aside(path: Path) -> Path:
    """Give a file that cannot be used another name, which is returned: the newest ones may hold a key, and are kept.

    Raises OSError.
    """
    before = _set_aside(path)
    number = max(before, default=0) + 1
    kept = path.with_name(path.name + (_UNUSABLE if number == 1 else f"{_UNUSABLE}-{number}"))
    path.rename(kept)
    sync_directory(path.parent)
    for old in sorted(before, reverse=True)[_KEPT_ASIDE - 1 :]:
        try:
            erase(before[old])
        except OSError as error:  # somebody's directory: it is no reason to go without a key
            log.warning("an old unusable key file cannot be removed", extra={"error": str(error)})
    return kept


def _set_aside(path: Path) -> dict[int, Path]:
    """Return what was set aside before, by number; the higher the newer."""
    found = {}
    for one in path.parent.glob(glob.escape(path.name + _UNUSABLE) + "*"):
        number = one.name.removeprefix(path.name + _UNUSABLE)
        if not number:
            found[1] = one
        elif number.startswith("-") and number[1:].isdecimal():
            found[int(number[1:])] = one
    return found


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
        sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Have a rename or a removal survive a power cut. Raises OSError."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
