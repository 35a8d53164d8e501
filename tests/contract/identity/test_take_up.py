"""Another certificate on a live link: the session goes on, and what the broker refuses costs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edgelet.adapters.mqtt import address
from edgelet.adapters.mqtt.bus import MqttBus
from edgelet.adapters.mqtt.endpoint import Endpoint
from edgelet.adapters.mqtt.tls_files import TlsFiles
from edgelet.api.errors import BusError
from edgelet.ports.bus import Connected, Disconnected, Message, Synced, Will
from tests.contract.bus.conftest import Reader, RealClock
from tests.contract.identity.load import publish_at_a_rate
from tests.fixtures.certificates import Pair
from tests.fixtures.field import FieldAuthority, FieldBroker

pytestmark = pytest.mark.mosquitto
NODE = "default/pi-01"


class Node:
    """A bus on the broker, read by a reader that acknowledges everything."""

    def __init__(self, broker: FieldBroker, files: TlsFiles) -> None:
        endpoint = Endpoint(
            address=address.parse(broker.url), client_id="pi-01", root=f"edgelet/v1/{NODE}/", files=files
        )
        self.bus = MqttBus(endpoint, clock=RealClock(), chance=lambda: 0.01)
        self.bus.set_will(lambda connection: Will("status/online", b"lost %d" % connection, 0))
        self.reader = Reader(self.bus)
        self._tasks = [asyncio.create_task(self.bus.run()), asyncio.create_task(self._acknowledge())]

    async def _acknowledge(self) -> None:
        done = 0
        while True:
            events = self.reader.events
            for event in events[done:]:
                if isinstance(event, Message):
                    self.bus.acknowledge(event)
            done = len(events)
            await asyncio.sleep(0.005)

    async def close(self) -> None:
        await self.bus.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.reader.close()


def files(authority: FieldAuthority, pair: Pair) -> TlsFiles:
    return TlsFiles(str(authority.certificate), str(pair.certificate), str(pair.key))


@pytest.fixture
async def node(authority: FieldAuthority, broker: FieldBroker) -> AsyncIterator[Node]:
    node = Node(broker, files(authority, authority.client(NODE)))
    await node.reader.until(Synced, timeout_s=30)
    yield node
    await node.close()


async def test_under_a_hundred_updates_a_second_none_is_lost_and_the_session_goes_on(
    node: Node, authority: FieldAuthority, broker: FieldBroker
) -> None:
    done = asyncio.Event()
    publishing = asyncio.create_task(publish_at_a_rate(broker, authority, node=NODE, seconds=3, done=done))
    await node.reader.until(Message, 50, timeout_s=60)
    for number in range(3):
        fresh = authority.client(NODE, name=f"fresh-{number}")
        await node.bus.take_up(files(authority, fresh))
    await asyncio.sleep(0.5)
    done.set()
    sent = await publishing
    wanted = {str(number).encode() for number in range(sent)}
    async with asyncio.timeout(60):
        while not wanted <= {one.payload for one in node.reader.of(Message)}:
            await asyncio.sleep(0.05)
    first, *later = node.reader.of(Connected)
    assert not first.session_present
    assert len(later) == 3
    assert all(one.session_present for one in later)
    assert not any(one.fighting for one in node.reader.of(Disconnected))


async def test_a_certificate_that_the_broker_refuses_leaves_the_connection_as_it_is(
    node: Node, authority: FieldAuthority, directory: Path
) -> None:
    stranger = FieldAuthority(directory / "other").client(NODE)
    with pytest.raises(BusError) as caught:
        await node.bus.take_up(files(authority, stranger))
    assert caught.value.reason == "CertificateInvalid"
    assert "refuses" in caught.value.message or "ends the connection" in caught.value.message
    await asyncio.sleep(0.2)
    assert node.bus.connected
    assert len(node.reader.of(Connected)) == 1
    await node.bus.publish("status/x", b"y")


async def test_a_new_connection_that_fails_is_followed_by_one_with_the_old_files_at_once(
    node: Node, authority: FieldAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The handshake passes and the connection does not: the files are gone in between."""
    fresh = authority.client(NODE, name="fresh")

    async def attempt(_endpoint: Endpoint) -> None:
        fresh.key.unlink()

    monkeypatch.setattr("edgelet.adapters.mqtt.handshake.attempt", attempt)
    with pytest.raises(BusError, match="cannot use client certificate"):
        await node.bus.take_up(files(authority, fresh))
    await node.reader.until(Connected, 2, timeout_s=30)
    assert node.reader.of(Connected)[-1].session_present
    retained = [event for event in node.reader.events if isinstance(event, Disconnected)]
    assert len(retained) == 2  # ours, and the one that never stood


async def test_without_a_connection_there_is_nothing_to_exchange(
    authority: FieldAuthority, broker: FieldBroker
) -> None:
    bus = MqttBus(
        Endpoint(address=address.parse(broker.url), client_id="x", root="x/"), clock=RealClock(), chance=lambda: 0.0
    )
    with pytest.raises(BusError, match="not connected"):
        await bus.take_up(files(authority, authority.client(NODE)))
