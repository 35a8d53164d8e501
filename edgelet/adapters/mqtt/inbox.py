"""What came and was not read yet: bounded, and telling the connection when to stop reading its socket."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from edgelet.ports.bus import BusEvent, Disconnected, Message


class Inbox:
    """Events in order. It takes whatever is put; it is the putter's duty to stop while `full`.

    Neither paho nor mosquitto 2.0.11 keeps to our ReceiveMaximum, so this bound is the only one there is.
    """

    def __init__(self, *, max_messages: int, max_bytes: int, drained: Callable[[], None]) -> None:
        """`drained` is called when a full inbox is down to half of both bounds."""
        self._events: deque[BusEvent] = deque()
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._drained = drained
        self._messages = 0
        self._bytes = 0
        self._full = False
        self._filled = asyncio.Event()

    @property
    def full(self) -> bool:
        return self._full

    def put(self, event: BusEvent) -> None:
        """Append; a Disconnected takes the place of the one before it, so that a long outage does not pile up."""
        if isinstance(event, Disconnected) and self._events and isinstance(self._events[-1], Disconnected):
            self._events.pop()
        self._events.append(event)
        if isinstance(event, Message):
            self._messages += 1
            self._bytes += len(event.payload)
            self._full = self._full or self._messages >= self._max_messages or self._bytes >= self._max_bytes
        self._filled.set()

    async def get(self) -> BusEvent:
        """Return the oldest event, waiting for one."""
        while not self._events:
            self._filled.clear()
            await self._filled.wait()
        event = self._events.popleft()
        if isinstance(event, Message):
            self._messages -= 1
            self._bytes -= len(event.payload)
            if self._full and self._messages <= self._max_messages // 2 and self._bytes <= self._max_bytes // 2:
                self._full = False
                self._drained()
        return event
