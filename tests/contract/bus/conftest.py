from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

import pytest

from edgelet.adapters.mqtt import address
from edgelet.adapters.mqtt.bus import MqttBus
from edgelet.adapters.mqtt.endpoint import Endpoint
from edgelet.adapters.mqtt.tls_files import TlsFiles
from edgelet.ports.bus import Bus, BusEvent, Will
from tests.fakes.bus import FakeBus
from tests.fixtures.certificates import Authority
from tests.fixtures.mosquitto import Mosquitto, broker_directory, mosquitto, mosquitto_tls

__all__ = ["broker_directory", "mosquitto", "mosquitto_tls"]

T = TypeVar("T")
ROOT = "edgelet/v1/default/pi-01/"


class RealClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Reader:
    """Reads a bus into a list, so that a test can wait for what it expects."""

    def __init__(self, bus: Bus) -> None:
        self.events: list[BusEvent] = []
        self._came = asyncio.Event()
        self._task = asyncio.create_task(self._read(bus))

    async def _read(self, bus: Bus) -> None:
        async for event in bus.events():
            self.events.append(event)
            self._came.set()

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, kind: type[T], count: int = 1, timeout_s: float = 10) -> list[T]:
        async with asyncio.timeout(timeout_s):
            while len(self.of(kind)) < count:
                self._came.clear()
                await self._came.wait()
        return self.of(kind)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def eventually(look: Callable[[], T | None], *, timeout_s: float = 10) -> T:
    """Return what `look` gives as soon as it gives something."""
    for _ in range(int(timeout_s / 0.02)):
        if found := look():
            return found
        await asyncio.sleep(0.02)
    raise TimeoutError("it did not happen")


class World(Protocol):
    """The other side of the bus."""

    @property
    def bus(self) -> Bus: ...

    async def connect(self) -> None: ...

    async def drop(self) -> None: ...

    async def send(self, topic: str, payload: bytes, *, retain: bool = True) -> None: ...

    async def retained(self, topic: str) -> bytes | None: ...


class FakeWorld:
    def __init__(self) -> None:
        self.bus = FakeBus()
        self.bus.set_will(lambda connection: Will("status/online", b"lost %d" % connection, 0))

    async def connect(self) -> None:
        self.bus.connect()

    async def drop(self) -> None:
        self.bus.drop()

    async def send(self, topic: str, payload: bytes, *, retain: bool = True) -> None:
        self.bus.send(topic, payload, retain=retain)

    async def retained(self, topic: str) -> bytes | None:
        return self.bus.retained.get(topic)


def make_bus(
    broker: Mosquitto, *, node: str = "pi-01", chance: float | None = None, inbox_messages: int = 64
) -> MqttBus:
    """Return a bus to a broker of the test; its will is due at once."""
    files = TlsFiles()
    if broker.authority is not None:
        pair = broker.authority.client(f"default/{node}")
        files = TlsFiles(str(broker.authority.certificate), str(pair.certificate), str(pair.key))
    endpoint = Endpoint(
        address=address.parse(broker.url),
        client_id=f"edgelet-default_{node}",
        root=f"edgelet/v1/default/{node}/",
        files=files,
    )
    spread = random.random if chance is None else lambda: chance
    bus = MqttBus(endpoint, clock=RealClock(), chance=spread, inbox_messages=inbox_messages)
    bus.set_will(lambda connection: Will("status/online", b"lost %d" % connection, 0))
    return bus


class RealWorld:
    """mosquitto and MqttBus; `drop` ends the broker without a word, `connect` has it back."""

    def __init__(self, broker: Mosquitto) -> None:
        self.broker = broker
        self.bus = make_bus(broker, chance=0.05)
        self._task: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        if not self.broker.running:
            await asyncio.to_thread(self.broker.start)
        if self._task is None:
            self._task = asyncio.create_task(self.bus.run())

    async def drop(self) -> None:
        await asyncio.to_thread(self.broker.stop)

    async def send(self, topic: str, payload: bytes, *, retain: bool = True) -> None:
        await asyncio.to_thread(self.broker.publish, ROOT + topic, payload, retain=retain)

    async def retained(self, topic: str) -> bytes | None:
        return (await asyncio.to_thread(self.broker.retained, ROOT + topic)).get(ROOT + topic)

    async def close(self) -> None:
        await self.bus.close()
        if self._task is not None:
            async with asyncio.timeout(5):
                await self._task


class Running:
    """A bus that runs, and a reader of it."""

    def __init__(self, bus: MqttBus) -> None:
        self.bus = bus
        self.reader = Reader(bus)
        self.task = asyncio.create_task(bus.run())

    async def close(self) -> None:
        await self.bus.close()
        await asyncio.wait_for(self.task, 5)
        await self.reader.close()

    async def vanish(self) -> None:
        """End without a word, as kill -9 does."""
        assert self.bus._link is not None
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.reader.close()


@pytest.fixture(params=["fake", *(pytest.param(one, marks=pytest.mark.mosquitto) for one in ("mosquitto", "tls"))])
async def world(request: pytest.FixtureRequest, broker_directory: Path) -> AsyncIterator[World]:
    if request.param == "fake":
        yield FakeWorld()
        return
    authority = Authority(broker_directory / "pki") if request.param == "tls" else None
    with Mosquitto(broker_directory, authority=authority, options=["max_packet_size 262144"]) as broker:
        real = RealWorld(broker)
        yield real
        await real.close()


@pytest.fixture
async def reader(world: World) -> AsyncIterator[Reader]:
    reader = Reader(world.bus)
    yield reader
    await reader.close()
