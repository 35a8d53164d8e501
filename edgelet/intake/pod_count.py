"""The pods that a bound on their number counts: stored ones, those under way to the disk, and those to follow.

A write takes as long as the disk does. What was let in meanwhile takes its place from the moment it was let in until
the disk has answered, also where the caller went away: so requests at the same time cannot pass the bound together.
Nothing is locked: who is not writing never waits.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress

from edgelet.api.errors import StorageError
from edgelet.intake import successors
from edgelet.ports.object_store import Document, Key, ObjectStore, StoredObject

_NOBODY = "-"  # no object's uid

_Pod = tuple[str, str, str]  # namespace, name, source


class PodCount:
    """Stores new pods, and knows of those on their way. Used on one event loop."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._under_way: Counter[_Pod] = Counter()
        self._settling: set[asyncio.Task[None]] = set()

    def every(self) -> tuple[tuple[str, str], ...]:
        """Return source (the store's word) and namespace of each pod. One that is replaced counts once."""
        found = {(namespace, name): source for namespace, name, source in self._under_way}
        for kind in (successors.KIND, "Pod"):
            found |= {(one.key.namespace, one.key.name): one.source for one in self._store.list(kind)}
        return tuple((source, namespace) for (namespace, _), source in found.items())

    async def create(self, key: Key, document: Document, *, source: str, digest: str) -> StoredObject:
        """Store a new pod. Raises as ObjectStore.put."""
        pod = (key.namespace, key.name, source)
        self._under_way[pod] += 1
        settled = True
        try:
            return await self._store.put(key, document, source=source, digest=digest, expected_version=0)
        except asyncio.CancelledError:
            settled = False
            task = asyncio.get_running_loop().create_task(self._settle(key, pod), name=f"pod-count/{key.name}")
            self._settling.add(task)
            task.add_done_callback(self._settling.discard)
            raise
        finally:
            if settled:
                self._free(pod)

    async def _settle(self, key: Key, pod: _Pod) -> None:
        """Free a place once it is known what became of a write whose caller went away."""
        try:
            with suppress(StorageError):  # then the write before it is over as well
                # Changes nothing, and comes after it: the store settles its writes in the order of the callers.
                await self._store.put_status(key, {}, uid=_NOBODY, durable=True)
        finally:
            self._free(pod)

    def _free(self, pod: _Pod) -> None:
        self._under_way[pod] -= 1
        if not self._under_way[pod]:
            del self._under_way[pod]
