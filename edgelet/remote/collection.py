"""One kind's objects, wherever they come from: the store, or something the agent reads itself."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from edgelet.ports.object_store import Change, Document, Key, ObjectStore, StoredObject


@dataclass(frozen=True, slots=True)
class Listing:
    """All objects of a kind at one version."""

    version: int
    items: tuple[StoredObject, ...]


class Collection(Protocol):
    """What can be listed, and watched from the moment of entering."""

    def list(self) -> Listing: ...

    def watch(self) -> AbstractContextManager[AsyncIterator[Change]]:
        """The iterator outlives a cancelled `anext`: nothing is lost by a timeout."""
        ...


class StoreCollection:
    """A kind of the object store."""

    def __init__(self, store: ObjectStore, kind: str) -> None:
        self._store = store
        self._kind = kind

    def list(self) -> Listing:
        """Version and items of the same moment: nothing is awaited between."""
        return Listing(self._store.resource_version, self._store.list(self._kind))

    @contextmanager
    def watch(self) -> Iterator[AsyncIterator[Change]]:
        """Changes of this kind."""
        with self._store.watch(self._kind) as watch:
            yield aiter(watch)


Wake = Callable[[], AbstractContextManager[Callable[[], Awaitable[None]]]]


class ReadCollection:
    """A kind that is not stored: read anew, and numbered by us whenever it reads differently.

    Each content has one version, so that a watch can begin where a list ended. Versions begin at `first_version`,
    which differs from one start of the agent to the next: an old client's number then means nothing, rightly.
    """

    def __init__(self, kind: str, read: Callable[[], tuple[Document, ...]], *, wake: Wake, first_version: int) -> None:
        self._kind = kind
        self._read = read
        self._wake = wake
        self._version = first_version
        self._raw: dict[Key, Document] = {}
        self._items: dict[Key, StoredObject] = {}

    def list(self) -> Listing:
        """Read, and number what is new."""
        raw = {_key(self._kind, document): document for document in self._read()}
        for gone in self._items.keys() - raw.keys():
            self._version += 1
            del self._items[gone]
        for key, document in raw.items():
            if self._raw.get(key) != document or key not in self._items:
                self._version += 1
                self._items[key] = _numbered(key, document, self._version)
        self._raw = raw
        return Listing(self._version, tuple(self._items[key] for key in raw))

    @contextmanager
    def watch(self) -> Iterator[AsyncIterator[Change]]:
        """Changes found by reading again at each wake-up."""
        with self._wake() as woken:
            yield _ReadWatch(self.list, woken)


class _ReadWatch:
    def __init__(self, read: Callable[[], Listing], woken: Callable[[], Awaitable[None]]) -> None:
        self._read = read
        self._woken = woken
        self._seen = read().items
        self._pending: deque[Change] = deque()

    def __aiter__(self) -> AsyncIterator[Change]:
        return self

    async def __anext__(self) -> Change:
        while not self._pending:
            await self._woken()
            now = self._read().items
            self._pending.extend(difference(self._seen, now))
            self._seen = now
        return self._pending.popleft()


def difference(before: tuple[StoredObject, ...], after: tuple[StoredObject, ...]) -> tuple[Change, ...]:
    """Return what happened between two listings; an object that was replaced by a namesake is DELETED and ADDED."""
    old = {(one.key, one.uid): one for one in before}
    new = {(one.key, one.uid): one for one in after}
    deleted = [Change("DELETED", one) for which, one in old.items() if which not in new]
    changed = [
        Change("MODIFIED" if which in old else "ADDED", one)
        for which, one in sorted(new.items(), key=lambda item: item[1].resource_version)
        if which not in old or old[which].resource_version != one.resource_version
    ]
    return (*deleted, *changed)


def _key(kind: str, document: Document) -> Key:
    metadata = document["metadata"]
    return Key(kind, metadata.get("namespace", ""), metadata["name"])


def _numbered(key: Key, document: Document, version: int) -> StoredObject:
    metadata = {**document["metadata"], "resourceVersion": str(version)}
    return StoredObject(
        key=key,
        uid=metadata.get("uid", ""),
        resource_version=version,
        generation=0,
        source="controller",
        digest="",
        document={**document, "metadata": metadata},
    )
