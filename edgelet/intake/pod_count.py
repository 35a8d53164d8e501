"""The pods that a bound on their number counts: stored ones, those under way to the disk, and those to follow.

A write takes as long as the disk does. What was let in meanwhile takes its place from the moment it was let in until
the disk has answered, also where the caller went away: so requests at the same time cannot pass the bound together.
Nothing is locked: who is not writing never waits.
"""

from __future__ import annotations

import asyncio

from edgelet.intake import successors
from edgelet.ports.object_store import Document, Key, ObjectStore, StoredObject

_Pod = tuple[str, str, str]  # namespace, name, source


class PodCount:
    """Stores new pods, and knows of those on their way. Used on one event loop."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._under_way: dict[asyncio.Task[StoredObject], _Pod] = {}

    def every(self) -> tuple[tuple[str, str], ...]:
        """Return source (the store's word) and namespace of each pod. One that is replaced counts once."""
        found = {(namespace, name): source for namespace, name, source in self._under_way.values()}
        for kind in (successors.KIND, "Pod"):
            found |= {(one.key.namespace, one.key.name): one.source for one in self._store.list(kind)}
        return tuple((source, namespace) for (namespace, _), source in found.items())

    async def create(self, key: Key, document: Document, *, source: str, digest: str) -> StoredObject:
        """Store a new pod. A caller who is cancelled leaves the write to itself. Raises as ObjectStore.put."""
        pod = (key.namespace, key.name, source)
        put = self._store.put(key, document, source=source, digest=digest, expected_version=0)
        writing = asyncio.get_running_loop().create_task(put, name=f"pod-write/{key.namespace}/{key.name}")
        self._under_way[writing] = pod
        writing.add_done_callback(self._settled)
        # The disk goes on without its caller: the place is taken until it is known what became of the pod.
        return await asyncio.shield(writing)

    def _settled(self, writing: asyncio.Task[StoredObject]) -> None:
        del self._under_way[writing]
        if not writing.cancelled():
            writing.exception()  # the caller's; one who went away does not want it, and asyncio shall not complain
