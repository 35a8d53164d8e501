"""What one watcher has not read yet: per object the newest version only, so that a slow reader costs bounded memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from edgelet.ports.object_store import Change, Key

_Entry = tuple[Key, str]  # an object's incarnation: key and uid

# Deletions the reader can only know from a listing (it was never given the object) are kept up to this many.
_PHANTOMS_MAX = 1024


class ChangeQueue:
    """Coalesces changes by (key, uid), in the order of their resourceVersion.

    Bounded: an incarnation has one entry, and entries of incarnations that came and went unread are at most
    `_PHANTOMS_MAX`, oldest forgotten first.
    """

    def __init__(self) -> None:
        self._pending: dict[_Entry, Change] = {}
        self._phantoms: dict[_Entry, None] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def push(self, change: Change) -> None:
        """Add a change; an older one of the same incarnation is replaced and the new one goes to the end."""
        entry = (change.object.key, change.object.uid)
        older = self._pending.pop(entry, None)
        unseen = older is not None and older.type == "ADDED"
        if unseen and change.type == "MODIFIED":
            change = Change("ADDED", change.object)
        self._pending[entry] = change
        if unseen and change.type == "DELETED":
            self._phantoms[entry] = None
            if len(self._phantoms) > _PHANTOMS_MAX:
                oldest = next(iter(self._phantoms))
                del self._phantoms[oldest]
                del self._pending[oldest]

    def pop(self) -> Change | None:
        """Take the oldest change, None if there is none."""
        if not self._pending:
            return None
        entry = next(iter(self._pending))
        self._phantoms.pop(entry, None)
        return self._pending.pop(entry)


class StoreWatch:
    """The port's Watch: an asynchronous iterator for one reader, ended by `close`."""

    def __init__(self, kinds: tuple[str, ...]) -> None:
        self._kinds = frozenset(kinds)
        self._queue = ChangeQueue()
        self._woken = asyncio.Event()
        self._closed = False

    def notify(self, change: Change) -> None:
        """Hand over a change; kinds that were not asked for are dropped."""
        if self._kinds and change.object.key.kind not in self._kinds:
            return
        self._queue.push(change)
        self._woken.set()

    def close(self) -> None:
        """End the iteration, also for a reader that waits."""
        self._closed = True
        self._woken.set()

    def __aiter__(self) -> AsyncIterator[Change]:
        return self

    async def __anext__(self) -> Change:
        while not self._closed:
            change = self._queue.pop()
            if change is not None:
                return change
            self._woken.clear()
            await self._woken.wait()
        raise StopAsyncIteration
