"""Getting rid of what earlier versions of rows left behind: pages, log, copies, databases moved aside.

Done after Secrets were sealed that lay in clear, or under another key. The mark in the database goes last, so that
whatever cuts this off has it done again.
"""

from __future__ import annotations

import mmap
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from edgelet.adapters.sqlite import saved_copy

_ZEROS = bytes(64 * 1024)
_TO_ERASE = ".erase"
_VERSION_AT = 60  # Source: SQLite's file format, the database header
_SEALED_SINCE = 2  # schema.MIGRATIONS
_CLEAR_ROW = b'"kind":"Secret"'  # in no sealed row


def scrub(connection: sqlite3.Connection, path: Path) -> tuple[Path, ...]:
    """Write everything anew without the old content; returns the damaged databases that had to go. Blocking.

    Raises:
        sqlite3.Error, OSError: The disk refused; it is to be done again.
    """
    connection.execute("PRAGMA secure_delete = ON")
    try:
        connection.execute("VACUUM")  # its temporary copy is in memory: temp_store
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.execute("PRAGMA secure_delete = OFF")
    good = saved_copy.path_of(path)
    for left in (good.with_name(good.name + ".new"), path.with_name(path.name + ".new")):
        _erase(left)
    if good.exists():
        before = os.open(good, os.O_WRONLY | os.O_CLOEXEC)
        try:
            saved_copy.save(connection, path)
            _overwrite(before)
        finally:
            os.close(before)
    return tuple(_erase_clear(path))


def _erase_clear(path: Path) -> Iterator[Path]:
    """Erase databases that were moved aside and hold Secrets of a time when they lay there in clear."""
    for found in sorted(path.parent.glob(f"{path.name}.damaged-*")):
        if found.exists() and not found.name.endswith(("-wal", _TO_ERASE)) and _holds_clear(found):
            # The log first, and under other names: half erased they do not show any more what they hold.
            for one in (found.with_name(found.name + "-wal"), found):
                if one.exists():
                    one.rename(one.with_name(one.name + _TO_ERASE))
            yield found
    for left in path.parent.glob(f"{path.name}.*{_TO_ERASE}"):
        _erase(left)


def _holds_clear(path: Path) -> bool:
    if not path.stat().st_size:
        return False
    with path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        version = int.from_bytes(content[_VERSION_AT : _VERSION_AT + 4], "big")  # user_version, in the file's header
        mark = _CLEAR_ROW if version == _SEALED_SINCE else b"Secret"
        return content.find(mark) >= 0


def _erase(path: Path) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        _overwrite(handle)
    finally:
        os.close(handle)
    path.unlink()


def _overwrite(handle: int) -> None:
    left = os.fstat(handle).st_size
    while left > 0:
        left -= os.write(handle, _ZEROS[:left])
    os.fsync(handle)
