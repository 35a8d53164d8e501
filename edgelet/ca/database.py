"""ca.db: what was issued, what waits, what was done. Several processes may have it open."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock

from edgelet.api.errors import EdgeletError, StorageError
from edgelet.ca import schema

_BUSY_MS = 30_000  # how long one process waits for another one's transaction; theirs take milliseconds
_BACKUP = "put the backup back (docs/CERTIFICATES.md)"
_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA secure_delete = ON",  # what a token's MAC is checked with is gone from the file when its row is
)


class Database:
    """One connection. Threads take turns; a transaction within a transaction is part of it."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._turn = RLock()
        self._depth = 0

    @classmethod
    def open(cls, path: Path, *, create: bool = False) -> Database:
        """Open it, mode 0600, with its tables up to date.

        Raises:
            StorageError: It is not there, is empty or damaged, is of a newer edgelet, or the file system refuses.
        """
        try:
            if not create and path.stat().st_size == 0:
                raise damaged(path)  # before SQLite takes it for a new one and removes what may lie beside it
            if create:
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            connection = sqlite3.connect(
                f"{path.resolve().as_uri()}?mode=rw",
                uri=True,
                isolation_level=None,
                check_same_thread=False,
                timeout=_BUSY_MS / 1000,
            )
        except (sqlite3.Error, OSError) as error:
            raise _translated(path, "open", error) from error
        database = cls(path, connection)
        try:
            connection.row_factory = sqlite3.Row
            if not create:
                _check_filled(path, connection)
            for pragma in _PRAGMAS:
                connection.execute(pragma)
            with database.transaction():
                schema.migrate(connection)
        except sqlite3.Error as error:
            database.close()
            raise _translated(path, "open", error) from error
        except BaseException:
            database.close()
            raise
        return database

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Read and write as if alone; on disk at the end. An error leaves everything as it was.

        One within another joins it: only the outer end is an end. Whoever catches an error inside of the outer one must
        not have written before it in the inner one.

        Raises:
            StorageError: The database could not be read or written.
        """
        with self._turn:
            if self._depth:
                yield self._connection
                return
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                self._depth += 1
                try:
                    yield self._connection
                finally:
                    self._depth -= 1
                self._connection.execute("COMMIT")
            except BaseException as error:
                with suppress(sqlite3.Error):  # most errors have rolled back already
                    self._connection.rollback()
                if isinstance(error, sqlite3.Error):
                    raise _translated(self.path, "write", error) from error
                raise

    def rows(self, query: str, *parameters: object) -> list[sqlite3.Row]:
        """What a query finds. Raises StorageError."""
        with self._turn:
            try:
                return self._connection.execute(query, parameters).fetchall()
            except UnicodeEncodeError:
                return []  # a word of a command line that is no text: nothing is so called
            except sqlite3.Error as error:
                raise _translated(self.path, "read", error) from error

    def row(self, query: str, *parameters: object) -> sqlite3.Row | None:
        """The first that a query finds. Raises StorageError."""
        found = self.rows(query, *parameters)
        return found[0] if found else None

    def fact(self, key: str) -> str | None:
        """A single thing that was kept under this key."""
        found = self.row("SELECT value FROM facts WHERE key = ?", key)
        return str(found["value"]) if found else None

    def keep(self, key: str, value: str) -> None:
        """Keep a single thing. Raises StorageError."""
        with self.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (key, value))

    def damaged(self, what: str) -> StorageError:
        """What to raise where something in it cannot be read."""
        return StorageError(f"cannot read {self.path}: {what} in it is damaged: {_BACKUP}", retry_after=None)

    def close(self) -> None:
        """Let go of it."""
        with self._turn, suppress(sqlite3.Error):
            self._connection.close()


def _check_filled(path: Path, connection: sqlite3.Connection) -> None:
    """Refuse a database without tables: it was made in one piece with them."""
    if not connection.execute("PRAGMA user_version").fetchone()[0]:
        raise damaged(path)


def damaged(path: Path) -> StorageError:
    """Return what is told of a database without what an authority cannot be without."""
    return StorageError(f"cannot open {path}: {path.name} is empty or damaged: {_BACKUP}", retry_after=None)


def _translated(path: Path, doing: str, error: Exception) -> EdgeletError:
    if isinstance(error, FileNotFoundError | sqlite3.OperationalError):
        try:
            path.stat()
        except FileNotFoundError:
            return StorageError(f"cannot {doing} {path}: there is no certificate authority; see edgelet ca init")
        except OSError as reason:
            return StorageError(f"cannot {doing} {path}: {reason.strerror or reason}")
    if isinstance(error, OSError):
        return StorageError(f"cannot {doing} {path}: {error.strerror or error}")
    if isinstance(error, sqlite3.DatabaseError) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _BROKEN:
        return StorageError(f"cannot {doing} {path}: it is damaged ({error}): {_BACKUP}", retry_after=None)
    return StorageError(f"cannot {doing} {path}: {error}")
