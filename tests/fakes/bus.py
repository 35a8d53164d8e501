"""The bus in memory: a node's end and as much of a broker as it can see, one session, at least once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from edgelet.api.errors import BusError
from edgelet.ports.bus import BusEvent, Connected, Disconnected, Message, Synced, Will

_RECEIVE_MAXIMUM = 20


@dataclass(frozen=True, slots=True)
class Published:
    """One message the node got through."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    expiry_s: int | None


@dataclass(slots=True)
class _Queued:
    topic: str
    payload: bytes
    retained: bool
    properties: dict[str, str] = field(default_factory=dict)
    content_type: str = ""


class FakeBus:
    """ports.bus, and the other side: `send`, `connect`, `drop`, `wipe` are the world's doing."""

    def __init__(self, *, maximum_packet_bytes: int = 262144) -> None:
        self.maximum_packet_bytes = maximum_packet_bytes
        self.retained: dict[str, bytes] = {}
        self.published: list[Published] = []
        self.denied: set[str] = set()  # topics that the broker's ACL refuses
        self.acknowledged: list[Message] = []
        self.wills: list[Will] = []  # of each connection
        self._events: asyncio.Queue[BusEvent] = asyncio.Queue()
        self._make_will: Callable[[int], Will] | None = None
        self._connection = 0
        self._connected = False
        self._session = False  # whether the broker knows us
        self._waiting: deque[_Queued] = deque()
        self._in_flight: dict[int, _Queued] = {}
        self._packet_id = 0

    # ---- the port

    @property
    def connected(self) -> bool:
        return self._connected

    async def events(self) -> AsyncIterator[BusEvent]:
        while True:
            yield await self._events.get()

    def acknowledge(self, message: Message) -> None:
        if message.connection != self._connection or not self._connected:
            return
        self.acknowledged.append(message)
        self._in_flight.pop(message.packet_id, None)
        self._deliver()

    def set_will(self, make: Callable[[int], Will]) -> None:
        self._make_will = make

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, expiry_s: int | None = None
    ) -> None:
        await asyncio.sleep(0)
        if not self._connected:
            raise BusError("BrokerUnavailable", f"cannot publish to {topic}: not connected")
        if len(topic) + len(payload) + 8 > self.maximum_packet_bytes:
            raise BusError("PacketTooLarge", f"cannot publish to {topic}: too large")
        if topic in self.denied:
            raise BusError("NotAuthorized", f"cannot publish to {topic}: denied")
        self.published.append(Published(topic, payload, qos, retain, expiry_s))
        if retain:
            self._retain(topic, payload)

    async def retained_topics(self, below: str) -> frozenset[str]:
        await asyncio.sleep(0)
        if not self._connected:
            raise BusError("BrokerUnavailable", "cannot learn what the broker retains: not connected")
        return frozenset(topic for topic in self.retained if topic.startswith(below))

    # ---- the world

    def connect(self) -> None:
        """Have the connection stand: what was not acknowledged comes again, then what is retained, then the barrier."""
        assert not self._connected
        self._connection += 1
        self._connected = True
        if self._make_will is not None:
            self.wills.append(self._make_will(self._connection))
        self._events.put_nowait(Connected(self._connection, self._session, self.maximum_packet_bytes))
        again = deque(self._in_flight.values())
        self._in_flight.clear()
        self._waiting = again + self._waiting
        self._session = True
        for topic, payload in self.retained.items():
            if topic.startswith(("desired/", "cmd/")):
                self._waiting.append(_Queued(topic, payload, retained=True))
        self._waiting.append(_Queued("sync", b"", retained=False))
        self._deliver()

    def drop(self, reason: str = "the connection was closed", *, fighting: bool = False) -> None:
        """Have the connection end."""
        self._connected = False
        self._waiting = deque(queued for queued in self._waiting if queued.topic != "sync")
        self._events.put_nowait(Disconnected(self._connection, reason, fighting=fighting))

    def wipe(self) -> None:
        """Have the broker forget everything; only while there is no connection."""
        assert not self._connected
        self.retained.clear()
        self._waiting.clear()
        self._in_flight.clear()
        self._session = False

    def send(self, topic: str, payload: bytes, *, retain: bool = True, content_type: str = "") -> None:
        """Publish as somebody else."""
        if retain:
            self._retain(topic, payload)
        if self._session:
            self._waiting.append(_Queued(topic, payload, retained=False, content_type=content_type))
            self._deliver()

    def latest(self, topic: str) -> bytes | None:
        """Return what was published last on a topic."""
        return next((one.payload for one in reversed(self.published) if one.topic == topic), None)

    def _retain(self, topic: str, payload: bytes) -> None:
        if payload:
            self.retained[topic] = payload
        else:
            self.retained.pop(topic, None)

    def _deliver(self) -> None:
        while self._connected and self._waiting and len(self._in_flight) < _RECEIVE_MAXIMUM:
            queued = self._waiting.popleft()
            if queued.topic == "sync":
                self._events.put_nowait(Synced(self._connection))
                continue
            self._packet_id += 1
            self._in_flight[self._packet_id] = queued
            message = Message(
                topic=queued.topic,
                payload=queued.payload,
                qos=1,
                retained=queued.retained,
                connection=self._connection,
                packet_id=self._packet_id,
                content_type=queued.content_type,
            )
            self._events.put_nowait(message)
