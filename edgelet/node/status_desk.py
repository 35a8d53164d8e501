"""What is known to be told, and what to tell next: from the store, the Node document and the refusals. No I/O."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from edgelet.api import kinds
from edgelet.node import status_message, wire_topics
from edgelet.node.published_topics import PublishedTopics
from edgelet.ports.object_store import Document, Key, ObjectStore

_MAX_REFUSED = 1000
_NEWS_S = 1800.0  # what is told to a broker that was set back is younger
_MAX_NEWS = 1000  # of what went: each topic of what is there has one anyway
_TOLD_KINDS = tuple(kind.kind for kind in kinds.KINDS if kind.kind not in {"Event", "Node"})  # those have own topics


class StatusDesk:
    """Makes payloads by topic. What the broker is known to have is remembered by digest, so nothing is told twice."""

    def __init__(
        self, store: ObjectStore, *, published: PublishedTopics, node: Callable[[], Document], boot_id: str
    ) -> None:
        self._store = store
        self._published = published
        self._node = node
        self._boot_id = boot_id
        self._seq = 0
        self._known: dict[str, bytes] = {}  # topic -> digest of what the broker acknowledged
        self._told: dict[str, bytes] = {}  # topic -> digest of what was told last, whatever the broker has by now
        self._news: dict[str, float] = {}  # topic -> when something new was told there
        self._gone: OrderedDict[str, float] = OrderedDict()  # topic -> when it was cleared
        self._refusals: dict[str, Document] = {}  # of objects that are there in an earlier version
        self._refused: OrderedDict[str, Document] = OrderedDict()  # where no object is
        self._shortened: dict[str, Document] = {}  # whose status does not fit into the broker's packets, and the word

    def objects(self) -> Iterator[Key]:
        """Yield every object that has a status topic."""
        for kind in _TOLD_KINDS:
            yield from (stored.key for stored in self._store.list(kind))

    @staticmethod
    def tells(key: Key) -> bool:
        """Whether objects of that kind have a status topic; what the agent keeps for itself has none."""
        return key.kind in _TOLD_KINDS

    def concerns(self, topic: str) -> bool:
        """Whether there is something to tell on a topic."""
        key = wire_topics.key_of(topic)
        there = key is not None and self._store.get(key) is not None
        return there or topic in self._refusals or topic in self._refused

    def may_concern(self, topic: str) -> bool:
        """Whether there is something to tell on a topic, or was and is not remembered any more (see `refuse`)."""
        return self.concerns(topic) or len(self._refused) >= _MAX_REFUSED

    def render(self, topic: str) -> tuple[bytes, bytes] | None:
        """Return payload and digest of the newest, an empty payload where nothing is left; None if that is known."""
        body = self._body(topic)
        if body is None:
            return b"", b""
        digest = status_message.digest(body)
        if self._known.get(topic) == digest:
            return None
        return self.encode(body), digest

    def encode(self, body: Document) -> bytes:
        """Return a payload with the next sequence number."""
        self._seq += 1
        return status_message.encode(body, boot_id=self._boot_id, seq=self._seq)

    def arrived(self, topic: str, *, digest: bytes | None, empty: bool, now_s: float) -> None:
        """Note what the broker acknowledged."""
        if digest is not None and not empty and self._told.get(topic) != digest:
            self._told[topic] = digest
            self._news[topic] = now_s
        self._gone.pop(topic, None)
        if empty:
            if topic in self._told or topic in self._published:  # else it is cleared once more
                self._gone[topic] = now_s
                oldest_s = next(iter(self._gone.values()))
                if len(self._gone) > _MAX_NEWS or now_s - oldest_s > _NEWS_S:
                    self._gone.popitem(last=False)
            for known in (self._known, self._told, self._news):
                known.pop(topic, None)
            self._shortened.pop(topic, None)
            self._published.discard(topic)
            return
        if digest is not None:
            self._known[topic] = digest
        if topic != wire_topics.NODE and self.concerns(topic):
            self._published.add(topic)

    def note_refusal(self, topic: str, refusal: Document) -> bool:
        """Note the refusal of a newer version; False where there is no object: then it is `refuse`'s."""
        key = wire_topics.key_of(topic)
        if key is None or self._store.get(key) is None:
            return False
        self._refusals[topic] = refusal
        return True

    def refuse(self, topic: str, refusal: Document) -> bytes | None:
        """Note a refusal where there is no object. Return the payload to send, None if the same was noted before.

        The payload is made at once, since ten thousand bad objects are told of and then forgotten, all but the last
        thousand: deleting one of them clears its topic all the same.
        """
        if self._refused.get(topic) == refusal:
            return None
        self._refused[topic] = refusal
        self._refused.move_to_end(topic)
        if len(self._refused) > _MAX_REFUSED:
            forgotten, _ = self._refused.popitem(last=False)
            self._published.discard(forgotten)
        return self.encode(status_message.of_refusal(wire_topics.key_of(topic), refusal))

    def forgive(self, topic: str) -> None:
        """Forget a refusal."""
        self._refusals.pop(topic, None)
        self._refused.pop(topic, None)

    def shorten(self, topic: str, why: Document) -> bool:
        """Leave the status out of a topic's body from now on; False if that was done already."""
        if topic in self._shortened or topic in self._refused:
            return False
        self._shortened[topic] = why
        return True

    def take_news(self, *, since_s: float) -> tuple[str, ...]:
        """Return the topics that were told something new or cleared since then, each piece of news once."""
        found = tuple(topic for topic, told_s in (*self._news.items(), *self._gone.items()) if told_s >= since_s)
        self._news.clear()
        self._gone.clear()
        return found

    def forget(self, topic: str) -> None:
        """Have a topic told again, changed or not."""
        self._known.pop(topic, None)

    def forget_all(self) -> None:
        """Have everything told again: the broker may have nothing."""
        self._known.clear()
        self._refused.clear()
        self._shortened.clear()

    def _body(self, topic: str) -> dict[str, Any] | None:
        if topic == wire_topics.NODE:
            return dict(self._node())
        key = wire_topics.key_of(topic)
        refusal = self._refusals.get(topic) or self._refused.get(topic)
        stored = self._store.get(key) if key is not None else None
        if stored is None:
            return status_message.of_refusal(key, refusal) if refusal is not None else None
        body = status_message.of_object(stored, refusal)
        why = self._shortened.get(topic)
        return body if why is None else status_message.too_large(body, why)
