"""Pods that wait for their predecessor to end.

A declarative source may change what cannot change in a running pod; as with the kubelet's static pods that means:
delete the old one, create the new one when it is gone. Between the two the new document lies in the object store under
a kind of its own, so that neither `kill -9` nor a power cut loses it and the bounds on objects hold for it too.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from edgelet.api.errors import ConflictError, StorageError, TooLargeError
from edgelet.ports.clock import Clock
from edgelet.ports.object_store import Document, Key, ObjectStore, StoredObject

_log = logging.getLogger(__name__)

KIND = "PodSuccessor"  # no API serves it
_RETRY_S = 5.0


def digest_of(store: ObjectStore, pod: Key, *, source: str) -> str:
    """Return the digest of the payload that is to follow after a pod of this source; "" where nothing is."""
    found = store.get(Key(KIND, pod.namespace, pod.name)) if pod.kind == "Pod" else None
    if found is None or found.source != source:
        return ""
    content: Any = found.document
    return str(content["digest"])


class Successors:
    """Keeps at most one successor a pod; the newest wins. `follow` is its one task."""

    def __init__(self, store: ObjectStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        # One step at a time: a successor must not be taken away while a newer one is being written in its place.
        self._step = asyncio.Lock()

    async def keep(self, old: StoredObject, document: Document, *, source: str, digest: str) -> StoredObject:
        """Keep what follows after `old`, then ask for the deletion of `old`; return it as it is then.

        Raises:
            StorageError, TooLargeError: Nothing was kept, `old` goes on.
        """
        key = Key(KIND, old.key.namespace, old.key.name)
        kept = {
            "apiVersion": "edgelet/v1",
            "kind": KIND,
            "metadata": {"name": key.name, "namespace": key.namespace},
            "replaces": old.uid,
            "source": source,
            "digest": digest,
            "object": dict(document),
        }
        async with self._step:
            await self._store.put(key, kept, source=source)
            return await self._end(old)

    def waits(self, pod: Key, *, source: str) -> bool:
        """Whether a pod of this source is to follow under that name."""
        found = self._store.get(Key(KIND, pod.namespace, pod.name))
        return found is not None and found.source == source

    async def drop(self, pod: Key) -> bool:
        """Forget what would have followed after a pod, whose deletion is meant; False if nothing would have."""
        async with self._step:
            return await self._store.remove(Key(KIND, pod.namespace, pod.name))

    async def follow(self) -> None:
        """Create every successor whose predecessor is gone, for ever; begins with what an earlier run left."""
        with self._store.watch("Pod", KIND) as changes:
            for successor in self._store.list(KIND):
                await self._advance(successor.key)
            async for change in changes:
                await self._advance(Key(KIND, change.object.key.namespace, change.object.key.name))

    async def _advance(self, key: Key) -> None:
        """Do what is next for one successor; try again for as long as the disk refuses."""
        while (successor := self._store.get(key)) is not None:
            try:
                async with self._step:
                    await self._take_step(successor)
            except ConflictError:
                continue  # something else came to be of that name: look again
            except (StorageError, TooLargeError) as error:
                _log.warning("cannot replace pod %s: %s", key, error.message, extra={"reason": error.reason})
                await self._clock.sleep(_RETRY_S)
                continue
            return

    async def _take_step(self, successor: StoredObject) -> None:
        current = self._store.get(successor.key)
        if current is None or current.resource_version != successor.resource_version:
            raise ConflictError("changed meanwhile")
        content: Any = successor.document
        pod = Key("Pod", successor.key.namespace, successor.key.name)
        there = self._store.get(pod)
        namespace = self._store.get(Key("Namespace", "", pod.namespace))
        if namespace is not None and namespace.deleting:
            await self._store.remove(successor.key)
        elif there is None:
            await self._store.put(
                pod, content["object"], source=content["source"], digest=content["digest"], expected_version=0
            )
            await self._store.remove(successor.key)
        elif there.uid != content["replaces"]:
            await self._store.remove(successor.key)  # it was made before we could note that, or by somebody else
        elif not there.deleting:
            await self._end(there)

    async def _end(self, old: StoredObject) -> StoredObject:
        grace_s = old.document.get("spec", {}).get("terminationGracePeriodSeconds", 30)
        return await self._store.mark_deleted(old.key, uid=old.uid, grace_s=max(grace_s, 0))
