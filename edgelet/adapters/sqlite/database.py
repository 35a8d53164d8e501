"""The database file: opened by one process, checked, moved aside when damaged, written in whole transactions."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edgelet.adapters.sqlite import rows, saved_copy, schema, scrub
from edgelet.adapters.sqlite.batch import Memory, Writing
from edgelet.adapters.sqlite.mutation import Entry
from edgelet.api.errors import StorageError
from edgelet.ports.sealing import AtRest, UnreadableError

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


_SELECT = """SELECT kind, namespace, name, uid, version, generation, source, digest, size, document FROM objects"""

# An update in place: REPLACE would move the row to another page and write more flash.
_UPSERT = """INSERT INTO objects (kind, namespace, name, uid, version, generation, source, digest, size, document)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (kind, namespace, name) DO UPDATE SET uid = excluded.uid, version = excluded.version,
generation = excluded.generation, source = excluded.source, digest = excluded.digest, size = excluded.size,
document = excluded.document"""

# Primary result codes that say "the content is wrong", not "the file system refuses" (ERROR: a table is missing).
_DAMAGE_CODES = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR})


@dataclass(frozen=True, slots=True)
class Damage:
    """A database that could not be read: where it lies now and what was wrong with it."""

    moved_to: Path
    reason: str


class Database:
    """One connection, used by one thread at a time (after opening: the writer thread)."""

    def __init__(
        self,
        path: Path,
        lock: int,
        connection: sqlite3.Connection,
        *,
        damage: Damage | None,
        in_order: bool,
        at_rest: AtRest | None,
        refused: str,
    ) -> None:
        self.path = path
        self.refused = refused  # why nothing may be written, for people
        self.damage = damage
        self.in_order = in_order
        self.erased: tuple[Path, ...] = ()  # databases moved aside that held Secrets in clear
        self.not_sealed = ""  # why Secrets may still lie somewhere in clear, or under an old key
        self._lock = lock
        self._connection = connection
        self._at_rest = at_rest
        self.unsaved = not refused and (
            not saved_copy.path_of(path).exists() or _has_log(path)
        )  # whether the good copy is older

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        recover: Callable[[Damage], None],
        at_rest: AtRest | None = None,
        refused: str = "",
    ) -> tuple[Database, Memory]:
        """Open or create it, mode 0600, and read everything. Secrets in clear, or under an old key, are sealed anew.

        A damaged one is moved to `<name>.damaged-N`; `recover` is told, may put another file in its place, and then
        whatever is there is opened.

        Raises:
            StorageError: Another process has it, a newer edgelet wrote it, or the file system refuses.
        """
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = _take_lock(path)
            in_order = not _log_of(path).exists()  # whoever closes it removes the log
        except OSError as error:
            raise _translated(path, "open", error) from error
        try:
            connection, memory, damage = _open_sound(path, recover, at_rest)
        except (sqlite3.Error, OSError) as error:
            os.close(lock)
            raise _translated(path, "open", error) from error
        except BaseException:
            os.close(lock)
            raise
        opened = cls(path, lock, connection, damage=damage, in_order=in_order, at_rest=at_rest, refused=refused)
        try:
            if not refused and opened.seal_again():
                memory = _load(connection, at_rest)
        except StorageError as error:  # the pods go on; it is tried again at the next start
            opened.not_sealed = error.message
        return opened, memory

    def seal_again(self) -> bool:
        """Seal every Secret under today's key and destroy what lay there before; tells whether any row was written.

        Raises StorageError: what is done is done, and the rest is done when it is called again.
        """
        if self._at_rest is None or not self._at_rest.key:
            return False
        self._check_writable()
        try:
            stale = [
                rows.to_row(entry, self._at_rest)
                for entry in map(self._entry, self._connection.execute(_SELECT))
                if entry.object.key.kind in rows.SEALED_KINDS and not entry.on_disk
            ]
            if stale:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.execute("UPDATE versions SET clear = 1")
                self._connection.executemany(_UPSERT, stale)
                self._connection.execute("COMMIT")
            (clear,) = self._connection.execute("SELECT clear FROM versions").fetchone()
            if clear:
                self.erased += scrub.scrub(self._connection, self.path)
                self._connection.execute("UPDATE versions SET clear = 0")
        except (sqlite3.Error, OSError, MemoryError) as error:
            self._roll_back()
            raise _translated(self.path, "seal the Secrets in", error) from error
        self.not_sealed = ""
        return bool(stale)

    def _entry(self, row: rows.Row) -> Entry:
        return rows.to_entry(row, self._at_rest)

    def write(self, writing: Writing) -> None:
        """Put it on disk in one transaction, fsynced at return. Raises StorageError with nothing changed."""
        connection = self._connection
        if writing.entries or writing.removed or writing.facts:  # versions alone may come: what is in memory needs them
            self._check_writable()
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_UPSERT, [rows.to_row(entry, self._at_rest) for entry in writing.entries])
            connection.executemany(
                "DELETE FROM objects WHERE kind = ? AND namespace = ? AND name = ?",
                ((key.kind, key.namespace, key.name) for key in writing.removed),
            )
            connection.executemany("INSERT OR REPLACE INTO ledger VALUES (?, ?)", writing.facts)
            if writing.reserved is not None:
                connection.execute("UPDATE versions SET reserved = ?", (writing.reserved,))
            connection.execute("COMMIT")
            self.unsaved = not self.refused
        except (sqlite3.Error, OSError, MemoryError, UnreadableError) as error:
            self._roll_back()
            raise _translated(self.path, "write", error) from error
        except BaseException:
            self._roll_back()
            raise

    def probe(self) -> None:
        """Write what is there already, fsynced at return: whether the disk takes it. Raises StorageError."""
        self._check_writable()
        try:
            self._connection.execute("UPDATE versions SET reserved = reserved")
        except (sqlite3.Error, OSError, MemoryError) as error:
            self._roll_back()
            raise _translated(self.path, "write", error) from error

    def save_copy(self) -> None:
        """Replace the good copy. Raises StorageError; the older copy is still there then."""
        self._check_writable()
        try:
            saved_copy.save(self._connection, self.path)
        except (sqlite3.Error, OSError) as error:
            raise _translated(self.path, "copy", error) from error
        self.unsaved = False

    def _check_writable(self) -> None:
        if self.refused:
            raise StorageError(f"cannot write the state database {self.path}: {self.refused}")

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):  # most errors have rolled back already
            self._connection.rollback()

    def close(self) -> None:
        """Fold the log into the database and let others open it."""
        with suppress(sqlite3.Error):  # whatever could not be folded in is in the log, and is read at the next start
            self._connection.close()
        os.close(self._lock)


def _log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _has_log(path: Path) -> bool:
    """Whether something was written that is not in the file itself."""
    with suppress(FileNotFoundError):
        return _log_of(path).stat().st_size > 0
    return False


def _take_lock(path: Path) -> int:
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


def _open_sound(
    path: Path, recover: Callable[[Damage], None], at_rest: AtRest | None
) -> tuple[sqlite3.Connection, Memory, Damage | None]:
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
        memory = _load(connection, at_rest)
    except BaseException:
        with suppress(sqlite3.Error):
            connection.close()
        raise
    _sync_directory(path.parent)
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


def _load(connection: sqlite3.Connection, at_rest: AtRest | None) -> Memory:
    (reserved,) = connection.execute("SELECT reserved FROM versions").fetchone()
    memory = Memory(version=reserved, reserved=reserved)
    for row in connection.execute(_SELECT):
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
    _sync_directory(path.parent)
    return Damage(target, reason)


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _translated(path: Path, verb: str, error: Exception) -> StorageError:
    return StorageError(f"cannot {verb} the state database {path}: {error}; free space or check the medium")
