"""What one watcher is told of a change: its selector may make an object appear and vanish. Pure but for its memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from edgelet.ports.object_store import Change, StoredObject
from edgelet.remote.selectors import Selector

EventType = Literal["ADDED", "MODIFIED", "DELETED"]


@dataclass(frozen=True, slots=True)
class Told:
    """One event of a watch."""

    type: EventType
    object: StoredObject


class WatchFilter:
    """Knows which objects the client knows: as many as match, never more."""

    def __init__(self, *, namespace: str | None, selector: Selector) -> None:
        self._namespace = namespace
        self._selector = selector
        self._known: set[tuple[str, str, str]] = set()

    def wants(self, one: StoredObject) -> bool:
        """Whether an object is in what is watched."""
        return self._namespace in (None, one.key.namespace) and self._selector.matches(one.document)

    def assume(self, objects: Iterable[StoredObject]) -> None:
        """The client has these from its list."""
        self._known.update(_identity(one) for one in objects if self.wants(one))

    def tell(self, change: Change) -> Told | None:
        """Return the event for a change, None where it is none of the client's business."""
        one, identity = change.object, _identity(change.object)
        known = identity in self._known
        if change.type == "DELETED" or not self.wants(one):
            self._known.discard(identity)
            return Told("DELETED", one) if known else None
        self._known.add(identity)
        return Told("MODIFIED" if known else "ADDED", one)


def _identity(one: StoredObject) -> tuple[str, str, str]:
    return one.key.namespace, one.key.name, one.uid
