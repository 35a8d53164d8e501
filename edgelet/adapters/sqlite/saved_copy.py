"""The last good copy of the database, beside it: `<name>.good`. Made whole and checked, or not at all."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edgelet.adapters.sqlite import schema


@dataclass(frozen=True, slots=True)
class Restored:
    """A copy took the database's place; `saved_at` is the wall clock's word of then."""

    saved_at: datetime


def path_of(database: Path) -> Path:
    """Return where the copy lies."""
    return database.with_name(database.name + ".good")


def save(connection: sqlite3.Connection, database: Path) -> None:
    """Replace the copy by what the database holds now. Blocking; no transaction may be open.

    Raises:
        sqlite3.Error, OSError: The disk refused, or the copy cannot be read back; the older copy is still there.
    """
    target = path_of(database)
    fresh = target.with_name(target.name + ".new")
    fresh.unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    try:
        connection.execute("VACUUM INTO ?", (str(fresh),))
        _check(fresh)
        _sync(fresh)
        fresh.replace(target)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    _sync(target.parent)


def restore(database: Path) -> Restored | None:
    """Put a copy of the copy in the database's place; None where there is none that can be read.

    A write-ahead log that still lies there belongs to what was lost, and goes. Raises OSError.
    """
    source = path_of(database)
    try:
        saved_at = datetime.fromtimestamp(source.stat().st_mtime, UTC)
        _check(source)
    except (OSError, sqlite3.Error):
        return None
    fresh = database.with_name(database.name + ".new")
    shutil.copyfile(source, fresh)
    fresh.chmod(0o600)
    _sync(fresh)
    for suffix in ("-wal", "-journal"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    fresh.replace(database)
    _sync(database.parent)
    return Restored(saved_at)


def _check(path: Path) -> None:
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as connection:
        faults = [text for (text,) in connection.execute("PRAGMA quick_check(1)")]
        if faults != ["ok"] or schema.application(connection) != schema.APPLICATION_ID:
            raise sqlite3.DatabaseError("; ".join(faults))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
