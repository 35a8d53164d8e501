"""What was listed lately: so that a watch from a list's version can also tell what was deleted since."""

from __future__ import annotations

from collections.abc import Callable

from edgelet.ports.object_store import StoredObject
from edgelet.remote.collection import Listing

AGE_LIMIT_S = 300.0
OBJECTS_LIMIT = 2048  # over all snapshots; one object's version is shared with the store as long as it is the newest


class Snapshots:
    """Bounded memory of listings, oldest forgotten first. A forgotten one costs its client a new list (410)."""

    def __init__(self, *, monotonic_s: Callable[[], float], objects_limit: int = OBJECTS_LIMIT) -> None:
        self._monotonic_s = monotonic_s
        self._limit = objects_limit
        self._kept: dict[tuple[str, int], tuple[float, tuple[StoredObject, ...]]] = {}

    def keep(self, kind: str, listing: Listing) -> None:
        """Remember a listing of a whole kind."""
        self._kept.pop((kind, listing.version), None)
        self._kept[kind, listing.version] = (self._monotonic_s(), listing.items)
        self._forget()

    def find(self, kind: str, version: int) -> tuple[StoredObject, ...] | None:
        """Return the objects of that version, None where it is not known (any more)."""
        self._forget()
        found = self._kept.get((kind, version))
        return found[1] if found else None

    def _forget(self) -> None:
        oldest_s = self._monotonic_s() - AGE_LIMIT_S
        total = sum(len(items) for _, items in self._kept.values())
        for key, (kept_s, items) in tuple(self._kept.items()):
            if kept_s >= oldest_s and total <= self._limit:
                break
            total -= len(items)
            del self._kept[key]
