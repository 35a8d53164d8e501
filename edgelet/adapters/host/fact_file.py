"""A fact in a file of its own, that outlives the loss of the state database.

The database has a mark that there is such a file: one that is gone or damaged is not taken for one that never was.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from pathlib import Path

from edgelet.adapters.host import durable_file
from edgelet.api.errors import StorageError
from edgelet.ports.object_store import Ledger

_MARK = b"in a file of its own"
_MODE = 0o600


class FactFile:
    """ports.object_store.Ledger of one fact.

    Args:
        path: The file; its folder is there. It begins with the SHA-256 of what follows.
        ledger: The database's, for the mark.
    """

    def __init__(self, path: Path, ledger: Ledger) -> None:
        self._path = path
        self._ledger = ledger
        self._turn = 0
        self._written = 0
        self._one = threading.Lock()

    def read(self, name: str) -> bytes | None:
        """Return the fact, None if there never was one. One in the database itself counts until the first write.

        Raises:
            StorageError: It is damaged, or it is gone and the database knows of it.
        """
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            kept = self._ledger.read(name)
            if kept == _MARK:
                raise StorageError(f"cannot read {self._path}: it is gone") from None
            return kept
        except OSError as error:
            raise StorageError(f"cannot read {self._path}: {error.strerror or error}") from error
        digest, _, value = content.partition(b"\n")
        if digest != _digest(value):
            raise StorageError(f"cannot read {self._path}: it is damaged")
        return value

    async def write(self, name: str, value: bytes) -> None:
        """Replace the fact; returns after fsync. Of writes at the same time the last one stays. Raises StorageError."""
        self._turn += 1
        try:
            await asyncio.to_thread(self._replace, bytes(value), self._turn)
        except OSError as error:
            raise StorageError(f"cannot write {self._path}: {error.strerror or error}") from error
        if self._ledger.read(name) != _MARK:
            await self._ledger.write(name, _MARK)

    def _replace(self, value: bytes, turn: int) -> None:
        with self._one:
            if turn < self._written:  # its caller was cut, and a newer one was faster
                return
            new = self._path.with_name(f"{self._path.name}.new")
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _MODE)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(_digest(value) + b"\n" + value)
                stream.flush()
                os.fsync(stream.fileno())
            new.replace(self._path)
            durable_file.sync_directory(self._path.parent)
            self._written = turn


def _digest(value: bytes) -> bytes:
    return hashlib.sha256(value).hexdigest().encode()
