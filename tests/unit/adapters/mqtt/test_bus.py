"""What a peer that is no proper broker may do: nothing it sends ends the bus, and its reason is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from edgelet.adapters.mqtt import address
from edgelet.adapters.mqtt.bus import MqttBus
from edgelet.adapters.mqtt.endpoint import Endpoint
from edgelet.api.errors import BusError
from edgelet.ports.bus import BusEvent, Connected, Disconnected, Message

CONNACK = b"\x20\x03\x00\x00\x00"
SUBACK = b"\x90\x07\x00\x01\x00\x01\x01\x01\x01"


class LoopClock:
    """Pauses a hundred times shorter."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 100)


class Peer:
    """A server that answers each packet it reads with the next piece of its script, then hangs up or waits."""

    def __init__(self, script: Sequence[bytes], *, hang_up: bool) -> None:
        self._script = script
        self._hang_up = hang_up
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        for piece in self._script:
            await reader.read(4096)
            writer.write(piece)
            await writer.drain()
        if not self._hang_up:
            await reader.read()
        writer.close()


@asynccontextmanager
async def bus_to(peer: Peer) -> AsyncIterator[tuple[MqttBus, list[BusEvent]]]:
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    endpoint = Endpoint(address=address.parse(f"mqtt://127.0.0.1:{port}"), client_id="x", root="r/")
    bus = MqttBus(endpoint, clock=LoopClock(), chance=lambda: 0.5)
    events: list[BusEvent] = []

    async def read() -> None:
        async for event in bus.events():
            events.append(event)  # noqa: PERF401  the list is read while it grows

    tasks = [asyncio.create_task(bus.run()), asyncio.create_task(read())]
    yield bus, events
    await bus.close()
    await asyncio.wait_for(tasks[0], 5)
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    server.close()


async def until(events: list[BusEvent], kind: type[BusEvent], count: int = 1) -> BusEvent:
    for _ in range(500):
        found = [event for event in events if isinstance(event, kind)]
        if len(found) >= count:
            return found[count - 1]
        await asyncio.sleep(0.01)
    raise TimeoutError(f"no {kind.__name__} in {events}")


@pytest.mark.parametrize(
    ("script", "word"),
    [
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], ""),
        ([b"\xff" * 100], ""),
        ([b"\x20\x00"], ""),
        ([b""], "closed"),
        ([b"\x20\x03\x00\x87\x00"], "Not authorized"),
        ([b"\x20\x03\x00\x99\x00"], ""),  # a code that CONNACK does not have
        ([CONNACK, b"\x90\x07\x00\x01\x00\x01\x87\x01\x01"], "subscribe"),
        ([CONNACK, SUBACK + b"\xe0\x02\x8e\x00"], "Session taken over"),
        ([CONNACK, SUBACK + b"\x32\xff\xff\xff\xff\xff"], ""),
        ([CONNACK, SUBACK + b"\x32\x03\x00\x50r"], ""),  # the topic is longer than the packet
    ],
)
async def test_rubbish_from_the_other_side_ends_the_connection_and_not_the_bus(script: list[bytes], word: str) -> None:
    peer = Peer(script, hang_up=script[0][:4] in {b"", b"HTTP"})
    async with bus_to(peer) as (_, events):
        ended = await until(events, Disconnected, 2)
        assert isinstance(ended, Disconnected)
        assert word in ended.reason
        assert ended.reason
        assert peer.connections >= 2


async def test_a_message_that_cannot_be_read_is_acknowledged_and_the_next_one_comes() -> None:
    bad = b"\x32\x08\x00\x02\xff\xfe\x00\x07\x00x"
    foreign = b"\x32\x08\x00\x02x/\x00\x08\x00x"
    good = b"\x32\x0c\x00\x06r/cm/d\x00\x09\x00x"
    peer = Peer([CONNACK, SUBACK + bad + foreign + good], hang_up=False)
    async with bus_to(peer) as (_, events):
        message = await until(events, Message)
        assert isinstance(message, Message)
        assert (message.topic, message.payload, message.packet_id) == ("cm/d", b"x", 9)


async def test_messages_that_come_before_the_subscription_stands_are_delivered_after_connected() -> None:
    queued = b"\x32\x0c\x00\x06r/cm/d\x00\x09\x00x"
    async with bus_to(Peer([CONNACK + queued, SUBACK], hang_up=False)) as (_, events):
        await until(events, Message)
        assert [type(event) for event in events] == [Connected, Message]


async def test_a_publish_under_way_fails_when_the_connection_ends() -> None:
    async with bus_to(Peer([CONNACK, SUBACK, b"", b""], hang_up=True)) as (bus, events):
        await until(events, Connected)
        with pytest.raises(BusError) as caught:
            await bus.publish("status/node", b"x")
        assert caught.value.reason == "BrokerUnavailable"


async def test_closing_while_nothing_answers_ends_at_once() -> None:
    async with bus_to(Peer([b"", b""], hang_up=False)) as (bus, _):
        await asyncio.sleep(0.05)
        assert not bus.connected


class SteppedClock(LoopClock):
    """Its pauses are as long as they are, in hundredths, and a test steps its wall clock."""

    step = timedelta()

    def now(self) -> datetime:
        return datetime(2030, 1, 1, tzinfo=UTC) + timedelta(seconds=self.monotonic_s()) + self.step


@pytest.mark.parametrize("how", ["step", "hurry"])
async def test_a_long_pause_ends_when_the_clock_is_set_or_somebody_hurries(how: str) -> None:
    clock = SteppedClock()
    endpoint = Endpoint(address=address.parse("mqtt://127.0.0.1:1"), client_id="x", root="r/")
    bus = MqttBus(endpoint, clock=clock, chance=lambda: 0.0)
    waiting = asyncio.create_task(bus._pause.wait(100_000))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    if how == "step":
        clock.step = timedelta(days=-30)
    else:
        bus.hurry()
    async with asyncio.timeout(30):
        await waiting
