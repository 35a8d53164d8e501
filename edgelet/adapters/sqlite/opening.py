"""The opening of a database file by one process: locked, checked, migrated, moved aside when it is damaged."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edgelet.adapters.host import durable_file
from edgelet.adapters.sqlite import rows, saved_copy, schema
from edgelet.adapters.sqlite.batch import Memory
from edgelet.api.errors import StorageError
from edgelet.ports.sealing import AtRest

_PAGE_BYTES = 4096
_CHECKPOINT_PAGES = 256  # the log is folded into the database every MiB
_DAMAGED_KEPT = 3  # databases moved aside; an older one gives way

_PRAGMAS = (
    f"PRAGMA page_size = {_PAGE_BYTES}",
    # Exclusive before WAL: the index of the log is then heap, there is no -shm file, and nobody can mix in.
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}",
    f"PRAGMA journal_size_limit = {2 * _CHECKPOINT_PAGES * _PAGE_BYTES}",
    "PRAGMA cache_size = -256",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA trusted_schema = OFF",
)

SELECT = """SELECT kind, namespace, name, uid, version, generation, source, digest, size, document FROM objects"""

# Primary result codes that say "the content is wrong", not "the file system refuses" (ERROR: a table is missing).
_DAMAGE_CODES = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR})


@dataclass(frozen=True, slots=True)
class Damage:
    """A database that could not be read: where it lies now and what was wrong with it."""

    moved_to: Path
    reason: str


def take_lock(path: Path) -> int:
    """Return a descriptor that holds the lock. Raises StorageError where another process does, OSError."""
    lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise StorageError(
            f"cannot open the state database {path}: another process has it open; "
            "is an agent with the same [paths] state running?",
            retry_after=None,
        ) from error
    return lock


def open_sound(
    path: Path, recover: Callable[[Damage], None], at_rest: AtRest | None
) -> tuple[sqlite3.Connection, Memory, Damage | None]:
    """Open or make it, and read everything; a damaged one is moved aside, and `recover` may put another in its place.

    Raises:
        StorageError: A newer edgelet wrote it, or another program.
        sqlite3.Error, OSError: The file system refuses.
    """
    try:
        return (*_open_once(path, at_rest), None)
    except (sqlite3.Error, ValueError) as error:
        if not _is_damage(error):
            raise
        damage = _move_aside(path, str(error))
    recover(damage)
    try:
        return (*_open_once(path, at_rest), damage)
    except (sqlite3.Error, ValueError) as error:
        if not _is_damage(error):
            raise
        _move_aside(path, str(error))  # what was brought in its place is damaged too: start empty
    return (*_open_once(path, at_rest), damage)


def _open_once(path: Path, at_rest: AtRest | None) -> tuple[sqlite3.Connection, Memory]:
    # SQLite would create it by the umask; its log inherits this mode.
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    os.fchmod(handle, 0o600)
    os.close(handle)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=16)
    try:
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        _check_sound(connection)
        _check_version(path, connection)
        is_new = not schema.version(connection)
        schema.migrate(connection)
        if is_new and not any(path.parent.glob(f"{path.name}.damaged-*")) and not saved_copy.path_of(path).exists():
            connection.execute("UPDATE versions SET clear = 0")  # nothing of an earlier time lies beside it
        memory = load(connection, at_rest)
    except BaseException:
        with suppress(sqlite3.Error):
            connection.close()
        raise
    durable_file.sync_directory(path.parent)
    return connection, memory


def _check_sound(connection: sqlite3.Connection) -> None:
    faults = [text for (text,) in connection.execute("PRAGMA quick_check(5)")]
    if faults != ["ok"]:
        raise ValueError("; ".join(faults))


def _is_damage(error: sqlite3.Error | ValueError) -> bool:
    # A row that is no JSON or no UTF-8 is found by Python and carries no code of SQLite's.
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return code is None or code & 0xFF in _DAMAGE_CODES


def _check_version(path: Path, connection: sqlite3.Connection) -> None:
    found, known = schema.version(connection), len(schema.MIGRATIONS)
    if found > known:
        raise StorageError(
            f"cannot open the state database {path}: its version is {found} and this edgelet knows {known}; "
            "a newer edgelet wrote it: install that one, or start with another [paths] state",
            retry_after=None,
        )
    if found and schema.application(connection) != schema.APPLICATION_ID:
        raise StorageError(
            f"cannot open the state database {path}: it belongs to another program; start with another [paths] state",
            retry_after=None,
        )


def load(connection: sqlite3.Connection, at_rest: AtRest | None) -> Memory:
    """Read everything. Raises sqlite3.Error, ValueError where a row is damaged."""
    (reserved,) = connection.execute("SELECT reserved FROM versions").fetchone()
    memory = Memory(version=reserved, reserved=reserved)
    for row in connection.execute(SELECT):
        entry = rows.to_entry(row, at_rest)
        memory.objects[entry.object.key] = entry
        memory.total_bytes += entry.size_bytes
    memory.facts.update(connection.execute("SELECT name, value FROM ledger"))
    return memory


def _move_aside(path: Path, reason: str) -> Damage:
    prefix = f"{path.name}.damaged-"
    suffixes = (found.name.removeprefix(prefix) for found in path.parent.glob(f"{prefix}*"))
    taken = sorted(int(suffix) for suffix in suffixes if suffix.isdigit())
    for number in taken[: max(0, len(taken) - _DAMAGED_KEPT + 1)]:
        for log in ("", "-wal"):
            path.with_name(f"{prefix}{number}{log}").unlink(missing_ok=True)
    target = path.with_name(f"{prefix}{taken[-1] + 1 if taken else 1}")
    # The database first: SQLite deletes a log without one, but a database without its log would be read as an older
    # state after a power cut in between.
    path.rename(target)
    with suppress(FileNotFoundError):
        path.with_name(path.name + "-wal").rename(target.with_name(target.name + "-wal"))
    durable_file.sync_directory(path.parent)
    return Damage(target, reason)
