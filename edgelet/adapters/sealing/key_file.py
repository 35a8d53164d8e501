"""Files with keys: 0600, whole or not there after a power cut, overwritten before they go."""

from __future__ import annotations

import glob
import logging
import os
from contextlib import suppress
from pathlib import Path

from edgelet.adapters.host import durable_file

log = logging.getLogger(__name__)

_MODE = 0o600
_DIRECTORY_MODE = 0o700
_MAX_BYTES = 64 * 1024
_UNUSABLE = ".unusable"
_UNREAD = ".unread"
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
    durable_file.sync_directory(path.parent)


def set_aside(path: Path) -> Path:
    """Give a file that is no key another name, which is returned; the newest three are kept. Raises OSError."""
    before = _named(path, _UNUSABLE)
    kept = _rename(path, _UNUSABLE)
    for old in sorted(before, reverse=True)[_KEPT_ASIDE - 1 :]:
        try:
            erase(before[old])
        except OSError as error:  # somebody's directory: it is no reason to go without a key
            log.warning("an old unusable key file cannot be removed", extra={"error": str(error)})
    return kept


def put_by(path: Path) -> Path:
    """Give a file that could not be read another name, which is returned: it may hold a key. Raises OSError."""
    return _rename(path, _UNREAD)


def _rename(path: Path, mark: str) -> Path:
    number = max(_named(path, mark), default=0) + 1
    kept = path.with_name(path.name + (mark if number == 1 else f"{mark}-{number}"))
    path.rename(kept)
    durable_file.sync_directory(path.parent)
    return kept


def _named(path: Path, mark: str) -> dict[int, Path]:
    """Return what got such a name before, by number; the higher the newer."""
    found = {}
    for one in path.parent.glob(glob.escape(path.name + mark) + "*"):
        number = one.name.removeprefix(path.name + mark)
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
        durable_file.sync_directory(path.parent)
