"""What the broker retains below a topic of our own: asked once, by a subscription that ends with the answer."""

from __future__ import annotations

import asyncio

from edgelet.adapters.mqtt import errors
from edgelet.adapters.mqtt.link import Link
from edgelet.api.errors import BusError

OWN = "status/"  # what nobody else writes, so it need not be listened to
_MAX_TOPICS = 20_000  # of a broker that retains more than that the rest is not heard
_MAX_CHARACTERS = 4 * 1024 * 1024  # in all their names
_TIMEOUT_S = 120.0


class Survey:
    """One question. `hear` and `finish` are called by whoever reads the link."""

    def __init__(self, nonce: bytes) -> None:
        """`nonce` is what the barrier behind the retained messages carries."""
        self.nonce = nonce
        self._topics: set[str] = set()
        self._characters = 0
        self._finished = asyncio.Event()

    def hear(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Note one message that came."""
        if not payload or not retained or topic in self._topics:
            return
        self._characters += len(topic)
        if len(self._topics) < _MAX_TOPICS and self._characters <= _MAX_CHARACTERS:
            self._topics.add(topic)

    def finish(self) -> None:
        """Note that the barrier came back."""
        self._finished.set()

    async def wait(self, link: Link) -> frozenset[str]:
        """Return the topics once the barrier came back.

        Raises:
            BusError: The link ended first, or the broker does not answer.
        """
        waiting = {
            asyncio.create_task(self._finished.wait(), name="mqtt/survey"),
            asyncio.create_task(link.ended(), name="mqtt/survey-link"),
        }
        try:
            await asyncio.wait(waiting, timeout=_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waiting:
                one.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        if not self._finished.is_set():
            raise errors.unavailable("learn what the broker retains", "the connection ended or there was no answer")
        return frozenset(self._topics)


async def unsubscribe(link: Link, topic_filter: str) -> None:
    """End a subscription; a link that ended meanwhile is no matter, the next one hears of it."""
    try:
        await link.unsubscribe(topic_filter)
    except BusError:
        return
