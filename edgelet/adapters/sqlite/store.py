"""The object store: reads from memory, writes by group commit. The ledger shares its database and writer."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from edgelet.adapters.sqlite import mutation, rows
from edgelet.adapters.sqlite.batch import Batch, Memory
from edgelet.adapters.sqlite.database import Database
from edgelet.adapters.sqlite.ledger import SqliteLedger
from edgelet.adapters.sqlite.mutation import Claim, Entry, Wanted
from edgelet.adapters.sqlite.opening import Damage
from edgelet.adapters.sqlite.watch import StoreWatch
from edgelet.adapters.sqlite.writer import Writer
from edgelet.api.errors import EdgeletError, TooLargeError
from edgelet.ports.clock import Clock
from edgelet.ports.object_store import Change, Document, Key, StoredObject
from edgelet.ports.sealing import AtRest

_LEDGER_MAX_BYTES = 8 * 1024 * 1024


def random_uid() -> str:
    """Return a new object's uid."""
    return str(uuid.uuid4())


def no_uid(_key: Key, _document: Document) -> str:
    """Know of nothing that runs already."""
    return ""


def start_empty(_: Damage) -> None:
    """Bring nothing in the place of a damaged database."""


class SqliteStore:
    """ports.object_store.ObjectStore on one SQLite file.

    `damage` tells of a database that was found damaged and moved aside at opening: then this one started empty, or
    from what `recover` brought. `in_order`: whoever had it before has closed it. `ledger` keeps small facts in
    the same file. `erased` and `not_sealed` tell what became of Secrets that lay there in clear (see Database).
    """

    def __init__(
        self,
        database: Database,
        memory: Memory,
        *,
        clock: Clock,
        max_objects: int,
        max_total_bytes: int,
        new_uid: Callable[[], str] = random_uid,
        uid_of: Callable[[Key, Document], str] = no_uid,
        ledger_max_bytes: int = _LEDGER_MAX_BYTES,
        at_rest: AtRest | None = None,
    ) -> None:
        self.damage = database.damage
        self.in_order = database.in_order
        self.erased = database.erased
        self.not_sealed = database.not_sealed
        self._at_rest = at_rest
        self._memory = memory
        self._clock = clock
        self._max_objects = max_objects
        self._max_total_bytes = max_total_bytes
        self._new_uid = new_uid
        self._uid_of = uid_of
        self._given: set[str] = set()  # uids that uid_of knew: each is given once
        self._watches: list[StoreWatch] = []
        self._writer = Writer(database, memory, notify=self._notify)
        self.ledger = SqliteLedger(memory, self._writer, max_bytes=ledger_max_bytes)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        clock: Clock,
        max_objects: int,
        max_total_bytes: int,
        new_uid: Callable[[], str] = random_uid,
        uid_of: Callable[[Key, Document], str] = no_uid,
        recover: Callable[[Damage], None] = start_empty,
        ledger_max_bytes: int = _LEDGER_MAX_BYTES,
        at_rest: AtRest | None = None,
        refused: str = "",
    ) -> SqliteStore:
        """Open the database, checked and read into memory. Blocks; meant for the start of the agent.

        Args:
            path: The database file; beside it lie `-wal` and `.lock`. Made if it is not there.
            clock: For creationTimestamp and deletionTimestamp.
            max_objects: Bound on objects ([intake] max_objects).
            max_total_bytes: Bound on the JSON text of all desired parts ([intake] max_total_bytes).
            new_uid: Makes uids.
            uid_of: Knows the uid of a new object that runs already, from before its database was lost; "" if none.
            recover: Called after a damaged database was moved aside, before an empty one is made; may put a saved
                database at `path`.
            ledger_max_bytes: Bound on the values of all ledger facts.
            at_rest: Seals Secrets; without it they lie in clear.
            refused: Why nothing may be written, for people: every write raises StorageError with that.

        Raises:
            StorageError: Another process has it, a newer edgelet wrote it, or the file system refuses.
        """
        database, memory = Database.open(path, recover=recover, at_rest=at_rest, refused=refused)
        return cls(
            database,
            memory,
            clock=clock,
            max_objects=max_objects,
            max_total_bytes=max_total_bytes,
            new_uid=new_uid,
            uid_of=uid_of,
            ledger_max_bytes=ledger_max_bytes,
            at_rest=at_rest,
        )

    @property
    def unreadable(self) -> tuple[StoredObject, ...]:
        """Return what is kept and cannot be opened."""
        return tuple(entry.object for entry in self._memory.objects.values() if entry.object.unreadable)

    async def seal_again(self) -> None:
        """Have all Secrets sealed under today's key, and what lay there before destroyed. Raises StorageError."""
        await self._writer.seal_again()

    @property
    def trouble(self) -> str:
        """Say why nothing can be kept now, for people; "" where the last write was kept, or nothing was written."""
        return self._writer.trouble

    async def look(self) -> None:
        """Find out whether a disk that refused the last write takes one now. Writes nothing where it did not refuse."""
        await self._writer.look()

    async def save_copy(self) -> bool:
        """Replace the last good copy if anything was written since; tells whether it was. Raises StorageError."""
        return await self._writer.save_copy()

    async def close(self) -> None:
        """Finish the writes under way, end all watches, close the database. Later writes raise StorageError."""
        await self._writer.close()
        for watch in self._watches:
            watch.close()

    @property
    def resource_version(self) -> int:
        """The newest version given out; after a restart the end of the block promised on disk."""
        return self._memory.version

    def get(self, key: Key) -> StoredObject | None:
        """Return the newest version."""
        entry = self._memory.objects.get(key)
        return entry.object if entry else None

    def list(self, kind: str, namespace: str | None = None) -> tuple[StoredObject, ...]:
        """Return the objects of a kind, sorted by namespace and name."""
        found = [
            entry.object
            for key, entry in self._memory.objects.items()
            if key.kind == kind and (namespace is None or key.namespace == namespace)
        ]
        return tuple(sorted(found, key=lambda stored: stored.key))

    @contextmanager
    def watch(self, *kinds: str) -> Iterator[StoreWatch]:
        """Watch kinds, none given: all."""
        watch = StoreWatch(kinds)
        self._watches.append(watch)
        try:
            yield watch
        finally:
            self._watches.remove(watch)
            watch.close()

    async def put(
        self, key: Key, document: Document, *, source: str, digest: str = "", expected_version: int | None = None
    ) -> StoredObject:
        """Create or replace the desired part."""
        if key.kind in rows.SEALED_KINDS and self._at_rest is not None and not self._at_rest.key:
            raise EdgeletError("ServiceUnavailable", f"cannot keep {key}: there is no node key to seal it under")
        request = mutation.wanted(key, document)
        claim = Claim(source, digest, expected_version)
        known = self._uid_of(key, request.document) if key not in self._memory.objects else ""
        uid = known if known and known not in self._given else self._new_uid()

        def operation(batch: Batch) -> StoredObject:
            current = batch.get(key)
            entry = mutation.put(current, request, claim, version=batch.next_version, now=self._clock.now(), uid=uid)
            if entry is not current:
                self._check_bounds(batch, current, request)
                batch.set(entry, durable=True)
            return entry.object

        stored = await self._writer.submit(operation)
        if known and stored.uid == known:
            self._given.add(known)
        return stored

    async def put_status(self, key: Key, status: Document, *, uid: str, durable: bool) -> StoredObject | None:
        """Replace the status; one that is not durable is visible at once unless a write is under way."""
        own_copy = json.loads(json.dumps(status, allow_nan=False))

        def operation(batch: Batch) -> StoredObject | None:
            current = batch.get(key)
            if current is None or current.object.uid != uid:
                return None
            entry = mutation.put_status(current, own_copy, version=batch.next_version)
            if entry is not current or (durable and not entry.on_disk):
                batch.set(entry, durable=durable)
            return entry.object

        if not durable:
            done, stored = self._writer.run_now(operation)
            if done:
                return stored
        return await self._writer.submit(operation)

    async def mark_deleted(self, key: Key, *, uid: str | None = None, grace_s: int = 0) -> StoredObject:
        """Ask for deletion, or shorten the grace of one under way."""

        def operation(batch: Batch) -> StoredObject:
            current = batch.get(key)
            entry = mutation.mark_deleted(
                current, key, uid=uid, grace_s=grace_s, version=batch.next_version, now=self._clock.now()
            )
            if entry is not current:
                batch.set(entry, durable=True)
            return entry.object

        return await self._writer.submit(operation)

    async def remove(self, key: Key, *, uid: str | None = None) -> bool:
        """Take the object out for good."""

        def operation(batch: Batch) -> bool:
            current = batch.get(key)
            if current is None or (uid is not None and uid != current.object.uid):
                return False
            batch.remove(current)
            return True

        return await self._writer.submit(operation)

    def _check_bounds(self, batch: Batch, current: Entry | None, request: Wanted) -> None:
        if current is None and batch.count >= self._max_objects:
            raise TooLargeError(
                f"cannot store {request.key}: this node keeps {self._max_objects} objects at most; "
                "delete some, or raise max_objects under [intake]"
            )
        growth = request.size_bytes - (current.size_bytes if current else 0)
        if growth > 0 and batch.total_bytes + growth > self._max_total_bytes:
            raise TooLargeError(
                f"cannot store {request.key}: all objects together may be {self._max_total_bytes} bytes and would be "
                f"{batch.total_bytes + growth}; delete some, or raise max_total_bytes under [intake]"
            )

    def _notify(self, change: Change) -> None:
        for watch in self._watches:
            watch.notify(change)
