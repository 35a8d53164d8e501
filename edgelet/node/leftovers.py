"""What the broker keeps of objects that went: cleared by our own list, and by the broker's where ours may be short."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from edgelet.api.errors import BusError
from edgelet.node import wire_topics
from edgelet.node.published_topics import PublishedTopics
from edgelet.node.status_desk import StatusDesk
from edgelet.ports.bus import Bus

_log = logging.getLogger(__name__)


class Leftovers:
    """Clears status topics that say something of nothing.

    The list of what was published lies in the state database. A power cut may take its last lines, so after an end that
    was not in order the broker is asked once what it has.
    """

    def __init__(
        self, bus: Bus, *, desk: StatusDesk, published: PublishedTopics, tell: Callable[[str], None], unsure: bool
    ) -> None:
        """`tell` has a topic told anew, which clears it. `unsure`: the list may lack some."""
        self._bus = bus
        self._desk = desk
        self._published = published
        self._tell = tell
        self._unsure = unsure
        self._synced = asyncio.Event()

    def synced(self) -> None:
        """Clear: the broker has told all that is wanted, so what is not there now is not to come."""
        for topic in self._published:
            if not self._desk.concerns(topic):
                self._tell(topic)
        self._synced.set()

    async def run(self) -> None:
        """Ask the broker, if need be, until it answers."""
        while self._unsure:
            await self._synced.wait()
            self._synced.clear()
            try:
                topics = await self._bus.retained_topics(wire_topics.STATUS)
            except BusError as error:
                _log.info("cannot learn what the broker keeps of objects that went: %s", error.message)
                continue
            self._unsure = False
            for topic in topics - {wire_topics.ONLINE, wire_topics.NODE}:
                if not self._desk.may_concern(topic):
                    self._tell(topic)
