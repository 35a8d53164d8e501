"""Where desired state lies: durable before it is acknowledged, watched by everything that acts on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Document = Mapping[str, Any]  # a Kubernetes object as JSON gives it; never changed in place once it is in the store
GRACE_MAX_S = (1 << 31) - 1  # 68 years: deletionTimestamp has to stay a date


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """The name of an object. `kind` is the CamelCase kind; `namespace` is empty for cluster-scoped kinds."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One version of an object.

    `document` is complete: metadata carries uid, resourceVersion, generation, creationTimestamp and, while it is being
    deleted, deletionTimestamp and deletionGracePeriodSeconds; status is the newest one known.
    """

    key: Key
    uid: str
    resource_version: int
    generation: int
    source: str  # who owns it: mqtt, file, api, or controller
    digest: str  # sha256 hex of the payload it came from; "" where there was none
    document: Document
    unreadable: str = ""  # why its content is not here although it is kept: a Secret whose key is lost; for people

    @property
    def deleting(self) -> bool:
        """Whether deletion was asked for and is not finished."""
        return bool(self.document["metadata"].get("deletionTimestamp"))


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one object. For DELETED, `object` is its last version."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: StoredObject


class Watch(Protocol):
    """A stream of changes. A slow reader loses intermediate versions of one object (newest wins), never the last one.

    DELETED followed by ADDED of the same key is delivered as both: a new uid is never hidden.
    """

    def __aiter__(self) -> AsyncIterator[Change]: ...


class ObjectStore(Protocol):
    """Objects by key, each change with a higher resourceVersion than all before it.

    Reads answer from memory and never wait. Writes return after the change is on disk (fsync), together with all
    writes of the same moment (group commit), and raise StorageError with nothing changed where the disk refuses.
    They are settled in the order in which they were asked for: one whose caller is cancelled is done or not done before
    those that are asked for later.
    """

    @property
    def resource_version(self) -> int:
        """The newest resourceVersion given out; it only grows, over restarts too."""
        ...

    def get(self, key: Key) -> StoredObject | None: ...

    def list(self, kind: str, namespace: str | None = None) -> tuple[StoredObject, ...]:
        """Return the objects of a kind, sorted by namespace and name; `namespace` None means all."""
        ...

    def watch(self, *kinds: str) -> AbstractContextManager[Watch]:
        """Watch kinds (none given: all) from the moment of entering: list first inside the context, then read."""
        ...

    async def put(
        self, key: Key, document: Document, *, source: str, digest: str = "", expected_version: int | None = None
    ) -> StoredObject:
        """Create or replace the desired part (everything but status and what the store itself owns in metadata).

        uid, creationTimestamp, deletion fields and status of an existing object are kept. generation grows by one when
        `spec` differs. Equal content (only the digest may differ) writes no object, wakes nobody, keeps the version.

        Args:
            key: Where.
            document: The object, defaults applied.
            source: Who asks. Another source than the owner's is a conflict.
            digest: Of the payload, kept beside the object for de-duplication.
            expected_version: Replace only this resourceVersion; 0 means the object must not exist.

        Raises:
            ConflictError: Another owner, another version, being deleted while expected_version is 0 (AlreadyExists).
            TooLargeError: The bound on objects or bytes would be passed.
            StorageError: The disk refused; nothing changed.
        """
        ...

    async def put_status(self, key: Key, status: Document, *, uid: str, durable: bool) -> StoredObject | None:
        """Replace the status; None if the object is gone or is another one by now (uid).

        An equal status changes nothing. `durable` says that it must survive a power cut and is awaited; other statuses
        are visible at once and reach the disk with the next durable write at the latest or never.
        """
        ...

    async def mark_deleted(self, key: Key, *, uid: str | None = None, grace_s: int = 0) -> StoredObject:
        """Ask for deletion: sets deletionTimestamp (now + grace) and deletionGracePeriodSeconds, bumps the generation.

        A second call may only shorten the grace. The object stays until `remove`. A grace beyond GRACE_MAX_S, which
        Kubernetes' int64 allows, counts as that.

        Raises:
            NotFoundError: No such object.
            ConflictError: It has another uid.
            StorageError: The disk refused; nothing changed.
        """
        ...

    async def remove(self, key: Key, *, uid: str | None = None) -> bool:
        """Take the object out for good; False if it was not there (or has another uid)."""
        ...


class Ledger(Protocol):
    """Small durable facts beside the objects: anti-replay counters, the command ring, the clock's high-water mark."""

    def read(self, name: str) -> bytes | None:
        """Return the fact, None if there is none. Raises StorageError where one that was there cannot be read."""
        ...

    async def write(self, name: str, value: bytes) -> None:
        """Replace the fact; returns after fsync. Raises StorageError."""
        ...
