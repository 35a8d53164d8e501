"""The object store in memory: what the port promises, written down a second time and as plainly as possible."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from edgelet.adapters.sqlite.watch import StoreWatch
from edgelet.api.errors import ConflictError, NotFoundError, StorageError, TooLargeError
from edgelet.ports.object_store import GRACE_MAX_S, Change, Document, Key, StoredObject

_OWNED = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)


def _fixed_now() -> datetime:
    return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class FakeObjectStore:
    """Everything in dictionaries. `fail_with` makes the next durable write raise (once)."""

    def __init__(
        self,
        *,
        now: Callable[[], datetime] = _fixed_now,
        max_objects: int = 1000,
        max_total_bytes: int = 16 * 1024 * 1024,
    ) -> None:
        self._now = now
        self._max_objects = max_objects
        self._max_total_bytes = max_total_bytes
        self._objects: dict[Key, StoredObject] = {}
        self._version = 0
        self._uids = count(1)
        self._watches: list[StoreWatch] = []
        self.fail_with: StorageError | None = None
        self._not_on_disk: set[Key] = set()  # a status newer than what the last durable write of the object had
        self.writes = 0  # durable ones: what would have been an fsync

    @property
    def resource_version(self) -> int:
        return self._version

    def get(self, key: Key) -> StoredObject | None:
        return self._objects.get(key)

    def list(self, kind: str, namespace: str | None = None) -> tuple[StoredObject, ...]:
        found = [o for k, o in self._objects.items() if k.kind == kind and namespace in (None, k.namespace)]
        return tuple(sorted(found, key=lambda o: o.key))

    @contextmanager
    def watch(self, *kinds: str) -> Iterator[StoreWatch]:
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
        wanted = _desired(key, document)
        old = self._objects.get(key)
        if old is not None and expected_version == 0:
            raise ConflictError(f"{key} already exists", reason="AlreadyExists")
        if expected_version and (old is None or old.resource_version != expected_version):
            raise ConflictError(f"{key} is not at version {expected_version}")
        if old is not None and old.source != source:
            raise ConflictError(f"{key} belongs to {old.source}")
        if old is not None and _desired(key, old.document) == wanted:
            if digest in ("", old.digest):
                return old
            self._write()
            return self._keep(_replace(old, old.document, digest=digest))
        self._check_bounds(key, wanted)
        self._write()
        document = dict(wanted)
        owned: dict[str, Any]
        if old is None:
            owned = {"uid": f"uid-{next(self._uids)}", "creationTimestamp": _stamp(self._now()), "generation": 1}
        else:
            owned = {k: v for k, v in old.document["metadata"].items() if k in _OWNED}
            owned["generation"] = old.generation + (wanted.get("spec") != old.document.get("spec"))
            if "status" in old.document:
                document["status"] = old.document["status"]
        document["metadata"] = {**wanted["metadata"], **owned}
        made = StoredObject(key, owned["uid"], 0, 0, source, digest, document)
        return self._publish(made, "MODIFIED" if old else "ADDED")

    async def put_status(self, key: Key, status: Document, *, uid: str, durable: bool) -> StoredObject | None:
        old = self._objects.get(key)
        if old is None or old.uid != uid:
            return None
        status = json.loads(json.dumps(status))
        same = old.document.get("status") == status
        if durable and (not same or key in self._not_on_disk):
            self._write()
            self._not_on_disk.discard(key)
        if same:
            return old
        if not durable:
            self._not_on_disk.add(key)
        return self._publish(_replace(old, {**old.document, "status": status}), "MODIFIED")

    async def mark_deleted(self, key: Key, *, uid: str | None = None, grace_s: int = 0) -> StoredObject:
        old = self._objects.get(key)
        if old is None:
            raise NotFoundError(f"{key} not found")
        if uid not in (None, old.uid):
            raise ConflictError(f"{key} has another uid")
        metadata = dict(old.document["metadata"])
        grace_s = min(grace_s, GRACE_MAX_S)
        asked_at = self._now()
        if "deletionTimestamp" in metadata:
            before_s = metadata["deletionGracePeriodSeconds"]
            if grace_s >= before_s:
                return old
            asked_at = datetime.fromisoformat(metadata["deletionTimestamp"]) - timedelta(seconds=before_s)
        else:
            metadata["generation"] += 1
        self._write()
        metadata["deletionTimestamp"] = _stamp(asked_at + timedelta(seconds=grace_s))
        metadata["deletionGracePeriodSeconds"] = grace_s
        return self._publish(_replace(old, {**old.document, "metadata": metadata}), "MODIFIED")

    async def remove(self, key: Key, *, uid: str | None = None) -> bool:
        old = self._objects.get(key)
        if old is None or uid not in (None, old.uid):
            return False
        self._write()
        self._publish(old, "DELETED")
        del self._objects[key]
        await asyncio.sleep(0)  # those who watch may hear of it before whoever asked for it
        return True

    def _write(self) -> None:
        if self.fail_with is not None:
            error, self.fail_with = self.fail_with, None
            raise error
        self.writes += 1

    def _check_bounds(self, key: Key, wanted: Document) -> None:
        if key not in self._objects and len(self._objects) >= self._max_objects:
            raise TooLargeError(f"cannot store {key}: max_objects is {self._max_objects}")
        sizes = {k: _size(_desired(k, o.document)) for k, o in self._objects.items()}
        before = sum(sizes.values())
        after = before - sizes.get(key, 0) + _size(wanted)
        if after > self._max_total_bytes and after > before:
            raise TooLargeError(f"cannot store {key}: max_total_bytes is {self._max_total_bytes}")

    def _publish(self, new: StoredObject, type_: Any) -> StoredObject:
        self._version += 1
        metadata = {**new.document["metadata"], "resourceVersion": str(self._version)}
        new = _replace(new, {**new.document, "metadata": metadata})
        self._keep(new)
        for watch in self._watches:
            watch.notify(Change(type_, new))
        return new

    def _keep(self, new: StoredObject) -> StoredObject:
        self._objects[new.key] = new
        return new


def _replace(old: StoredObject, document: Document, *, digest: str | None = None) -> StoredObject:
    metadata = document["metadata"]
    return StoredObject(
        key=old.key,
        uid=old.uid,
        resource_version=int(metadata.get("resourceVersion", 0)),
        generation=metadata["generation"],
        source=old.source,
        digest=old.digest if digest is None else digest,
        document=document,
    )


def _desired(key: Key, document: Document) -> dict[str, Any]:
    wanted: dict[str, Any] = json.loads(json.dumps(document, allow_nan=False))
    wanted.pop("status", None)
    metadata = {k: v for k, v in wanted.get("metadata", {}).items() if k not in _OWNED}
    metadata["name"] = key.name
    if key.namespace:
        metadata["namespace"] = key.namespace
    wanted["metadata"] = metadata
    return wanted


def _size(document: Document) -> int:
    return len(json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode())


class FakeLedger:
    """A dictionary; `fail_with` makes the next write raise (once)."""

    def __init__(self) -> None:
        self.facts: dict[str, bytes] = {}
        self.fail_with: StorageError | None = None

    def read(self, name: str) -> bytes | None:
        return self.facts.get(name)

    async def write(self, name: str, value: bytes) -> None:
        if self.fail_with is not None:
            error, self.fail_with = self.fail_with, None
            raise error
        self.facts[name] = value
