"""What is here of a signed generation, and what is to come before it may take effect."""

from __future__ import annotations

from collections.abc import Mapping

from edgelet.api.desired_index import Index
from edgelet.api.errors import EdgeletError, StorageError
from edgelet.intake import desired_topics, successors
from edgelet.intake.waiting_payloads import Named, Payload, Unnamed
from edgelet.ports.object_store import Key, ObjectStore


class Arrivals:
    """Payloads by path. `missing` is right once `collect` was called for the coming index."""

    def __init__(self, store: ObjectStore, *, source: str, unnamed: Unnamed) -> None:
        self._store = store
        self._source = source
        self._unnamed = unnamed
        self._looked = False
        self.named = Named(store, source=source)
        self.missing: set[str] = set()  # paths of the coming index

    def expect_anew(self) -> None:
        """Have the next `collect` look at everything: another index is coming."""
        self._looked = False

    async def collect(self, index: Index, *, before: Mapping[str, str]) -> dict[str, EdgeletError]:
        """Look what is here of the coming index, and keep on disk what waited in memory; later each payload tells.

        `before` is what rules: what stays as it was came in time, whatever became of it.
        Returns what could not be kept. Raises StorageError.
        """
        if self._looked:
            if not self.missing:  # what was here may have gone while the rest was waited for
                self.missing = self._not_here(index, before)
            return {}
        await self.named.keep_only(dict(index.objects))
        missing, refused = self._not_here(index, before), {}
        for path in missing.copy():
            payload = self._unnamed.get(path)
            if payload is None or payload.digest != index.objects[path]:
                continue
            try:
                await self.named.put(path, payload)
            except StorageError:
                raise
            except EdgeletError as error:
                refused[path] = error
            else:
                missing.discard(path)
                self._unnamed.pop(path)
        self.missing, self._looked = missing, True
        return refused

    async def keep(self, path: str, payload: Payload) -> None:
        """Keep on disk what the coming index names. Raises TooLargeError, StorageError."""
        if path in self.missing and not self.is_here(path, payload.digest):
            await self.named.put(path, payload)
        self.missing.discard(path)

    def hold(self, path: str, payload: Payload) -> None:
        """Keep in memory what no index names yet."""
        self._unnamed.put(path, payload)

    def is_here(self, path: str, digest: str) -> bool:
        """Whether a payload is on disk: as an object, as one that follows after a pod that ends, or as it came."""
        if self.named.digest(path) == digest:
            return True
        key = key_of(path)
        if key is None:
            return False
        there = self._store.get(key)
        if there is not None and there.source == self._source and not there.deleting:
            return there.digest == digest
        return successors.digest_of(self._store, key, source=self._source) == digest

    def _not_here(self, index: Index, before: Mapping[str, str]) -> set[str]:
        """Return what is to come. What this version does not take is not waited for."""
        return {
            path
            for path, digest in index.objects.items()
            if before.get(path) != digest and key_of(path) is not None and not self.is_here(path, digest)
        }


def key_of(path: str) -> Key | None:
    """Return the key of a path of the index; None for what this version does not take."""
    try:
        return desired_topics.key_of(desired_topics.PREFIX + path)
    except EdgeletError:
        return None
