"""A board's real intake on a real SQLite file: source, signatures, reception, store; killed and started at will."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from pathlib import Path

from edgelet.adapters.signing.verifier import Ed25519Verifier
from edgelet.adapters.sqlite.batch import Writing
from edgelet.adapters.sqlite.store import SqliteStore
from edgelet.api.errors import EdgeletError, StorageError
from edgelet.intake import desired_topics, successors
from edgelet.intake.admit import House
from edgelet.intake.command_guard import CommandGuard
from edgelet.intake.mqtt_source import SOURCE, Listeners, MqttSource
from edgelet.intake.reception import Reception
from edgelet.intake.signed_desired import SignedDesired, Surroundings
from edgelet.intake.signed_messages import SignedMessages
from edgelet.intake.successors import Successors
from edgelet.ports.bus import BusEvent, Message, Will
from edgelet.ports.object_store import Key
from tests.fakes.events import FakeEvents
from tests.hostile.signer import NODE, Sent

NODE_KEY = Key("Node", "", "pi-01")
KINDS = ("Pod", "ConfigMap", "Secret", "Namespace")
_LONGEST_S = 20.0


class Clocks:
    """The board's clocks: `known` is what it believes of the time."""

    def __init__(self, now: datetime) -> None:
        self.wall = now
        self.is_known = True

    def now(self) -> datetime:
        return self.wall

    def known(self) -> datetime | None:
        return self.wall if self.is_known else None

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Take hardly any time."""
        del seconds
        await asyncio.sleep(0.001)


class Wire:
    """ports.bus: whatever is put on it arrives."""

    connected = True

    def __init__(self) -> None:
        self._events: asyncio.Queue[BusEvent] = asyncio.Queue()
        self._packet_id = 0
        self.unacknowledged: set[int] = set()

    async def events(self) -> AsyncIterator[BusEvent]:
        while True:
            yield await self._events.get()

    def acknowledge(self, message: Message) -> None:
        self.unacknowledged.discard(message.packet_id)

    def set_will(self, make: Callable[[int], Will]) -> None:
        del make

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, expiry_s: int | None = None
    ) -> None:
        """Nothing of what is published matters here."""

    async def retained_topics(self, below: str) -> frozenset[str]:
        del below
        return frozenset()

    @property
    def is_empty(self) -> bool:
        return self._events.empty()

    def deliver(self, sent: Sent) -> None:
        """Have a message arrive. What is for another node the subscription never brings here."""
        if not sent.topic.startswith(NODE):
            return
        self._packet_id += 1
        self.unacknowledged.add(self._packet_id)
        self._events.put_nowait(
            Message(
                topic=sent.topic.removeprefix(NODE),
                payload=sent.payload,
                qos=1,
                retained=True,
                connection=1,
                packet_id=self._packet_id,
                properties=dict(sent.properties),
                content_type=sent.content_type,
            )
        )


class Board:
    """`start` and `stop` are a life; `die_at` ends one in the middle: nothing is written from then on."""

    def __init__(self, path: Path, clocks: Clocks, keys: Mapping[str, bytes]) -> None:
        self._path = path
        self._keys = keys
        self.clocks = clocks
        self.events = FakeEvents()
        self.refused: list[tuple[str, EdgeletError]] = []
        self.is_dead = False
        self._writes_left: int | None = None
        self._refused_writes = range(0)

    async def start(self) -> None:
        """Begin a life on what is on disk."""
        self.is_dead, self._writes_left = False, None
        self.wire = Wire()
        self.store = SqliteStore.open(self._path, clock=self.clocks, max_objects=1000, max_total_bytes=16 << 20)
        self._real_write = self.store._writer._database.write
        self.store._writer._database.write = self._write  # type: ignore[method-assign]
        self.signed = SignedDesired(
            Surroundings(
                store=self.store,
                ledger=self.store.ledger,
                events=self.events,
                node=NODE_KEY,
                clock=self.clocks,
                now=self.clocks.known,
                keys=self._keys,
                source=SOURCE,
            )
        )
        follower = Successors(self.store, self.clocks)
        self.reception = Reception(
            store=self.store,
            successors=follower,
            house=House(node_name="pi-01"),
            max_object_bytes=128 * 1024,
            make_suffix=lambda: "abcde",
        )
        self.source = MqttSource(
            self.wire,
            reception=self.reception,
            store=self.store,
            listeners=Listeners(
                refused=lambda topic, error: self.refused.append((topic, error)),
                accepted=lambda _: None,
                forward=lambda event: not isinstance(event, Message),
                events=self.events,
                node=NODE_KEY,
            ),
            clock=self.clocks,
            signed=SignedMessages(
                root=NODE,
                desired=self.signed,
                commands=CommandGuard(self.store.ledger, now=self.clocks.known),
                verifier=Ed25519Verifier(),
                max_object_bytes=128 * 1024,
            ),
        )
        self._tasks = [asyncio.create_task(self.source.run()), asyncio.create_task(follower.follow())]

    async def stop(self) -> None:
        """End the life; what is not on disk is gone."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self.store.close()

    def die_after(self, writes: int) -> None:
        """Have the power go before the next write but so many."""
        self._writes_left = writes

    def refuse_writes(self, count: int, *, after: int) -> None:
        """Have the disk refuse some writes, and then work again."""
        self._refused_writes = range(after, after + count)

    def _write(self, writing: Writing) -> None:
        is_refused = 0 in self._refused_writes
        self._refused_writes = range(self._refused_writes.start - 1, self._refused_writes.stop - 1)
        if is_refused:
            raise StorageError("the disk is full")
        if self._writes_left is not None:
            self.is_dead |= self._writes_left == 0
            self._writes_left = max(0, self._writes_left - 1)
        if self.is_dead:
            raise StorageError("the power is gone")
        self._real_write(writing)

    async def settle(self) -> None:
        """Wait until there is nothing left to do, or the power is gone."""
        async with asyncio.timeout(_LONGEST_S):
            quiet = 0
            while quiet < 6 and not self.is_dead:
                busy = not self.wire.is_empty or self.source._serving or self.store._writer._busy
                is_behind = self.signed.record.in_force and not self.signed._carried_out
                quiet = 0 if busy or is_behind or self.signed._step.locked() else quiet + 1
                await asyncio.sleep(0)
        for task in self._tasks:
            if task.done():
                await task  # it broke

    # ---- what is in the store

    def objects(self) -> dict[str, str]:
        """Return digest by path of what the broker's objects are, or will be once a pod has ended."""
        found = {
            desired_topics.path_of(one.key): one.digest
            for kind in KINDS
            for one in self.store.list(kind)
            if one.source == SOURCE and not one.deleting
        }
        for one in self.store.list(successors.KIND):
            pod = Key("Pod", one.key.namespace, one.key.name)
            found[desired_topics.path_of(pod)] = str(one.document["digest"])
        return found

    async def end_pods(self) -> None:
        """Have pods that are to end be gone, as their workers would."""
        for one in self.store.list("Pod"):
            if one.deleting:
                with contextlib.suppress(StorageError):
                    await self.store.remove(one.key, uid=one.uid)
