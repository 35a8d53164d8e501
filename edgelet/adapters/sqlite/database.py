"""The database file: opened by one process, written in whole transactions, fsynced."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from edgelet.adapters.sqlite import opening, rows, saved_copy, scrub
from edgelet.adapters.sqlite.batch import Memory, Writing
from edgelet.adapters.sqlite.mutation import Entry
from edgelet.adapters.sqlite.opening import Damage
from edgelet.api.errors import StorageError
from edgelet.ports.sealing import AtRest, UnreadableError

# An update in place: REPLACE would move the row to another page and write more flash.
_UPSERT = """INSERT INTO objects (kind, namespace, name, uid, version, generation, source, digest, size, document)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (kind, namespace, name) DO UPDATE SET uid = excluded.uid, version = excluded.version,
generation = excluded.generation, source = excluded.source, digest = excluded.digest, size = excluded.size,
document = excluded.document"""


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
            lock = opening.take_lock(path)
            in_order = not _log_of(path).exists()  # whoever closes it removes the log
        except OSError as error:
            raise _translated(path, "open", error) from error
        try:
            connection, memory, damage = opening.open_sound(path, recover, at_rest)
        except (sqlite3.Error, OSError) as error:
            os.close(lock)
            raise _translated(path, "open", error) from error
        except BaseException:
            os.close(lock)
            raise
        opened = cls(path, lock, connection, damage=damage, in_order=in_order, at_rest=at_rest, refused=refused)
        try:
            if not refused and opened.seal_again():
                memory = opening.load(connection, at_rest)
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
                for entry in map(self._entry, self._connection.execute(opening.SELECT))
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


def _translated(path: Path, verb: str, error: Exception) -> StorageError:
    return StorageError(f"cannot {verb} the state database {path}: {error}; free space or check the medium")
