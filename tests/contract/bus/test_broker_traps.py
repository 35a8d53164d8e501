"""What real brokers, and paho, do to a client that trusts them. Each was measured before it was written down."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edgelet.api.errors import BusError
from edgelet.ports.bus import Connected, Disconnected, Message, Synced
from tests.contract.bus.conftest import ROOT, Running, eventually, make_bus
from tests.fixtures.certificates import Authority
from tests.fixtures.mosquitto import Mosquitto

pytestmark = pytest.mark.mosquitto


@pytest.fixture
async def node(mosquitto: Mosquitto) -> AsyncIterator[Running]:
    node = Running(make_bus(mosquitto, chance=0.05))
    await node.reader.until(Synced)
    yield node
    if not node.task.done():
        await node.close()


async def test_a_broker_that_lost_everything_is_told_apart(mosquitto: Mosquitto, node: Running) -> None:
    await node.bus.publish("status/node", b"x", retain=True)
    mosquitto.kill()
    mosquitto.wipe()
    mosquitto.start()
    first, second = await node.reader.until(Connected, 2)
    await node.reader.until(Synced, 2)
    assert not first.session_present
    assert not second.session_present
    assert mosquitto.retained(ROOT + "#") == {}


async def test_a_broker_that_was_killed_and_had_saved_resumes_the_session(mosquitto: Mosquitto, node: Running) -> None:
    await asyncio.sleep(1.5)  # the broker saves each second
    mosquitto.restart(kill=True)
    _, second = await node.reader.until(Connected, 2)
    assert second.session_present


async def test_a_question_that_a_kill_cut_off_leaves_no_subscription(mosquitto: Mosquitto) -> None:
    killed = Running(make_bus(mosquitto, chance=0.05))
    await killed.reader.until(Synced)
    link = killed.bus._link
    assert link is not None
    await link.subscribe([ROOT + "status/#"])  # what `retained_topics` begins with
    await killed.vanish()
    node = Running(make_bus(mosquitto, chance=0.05))
    await node.reader.until(Synced)
    await node.bus.publish("status/pods/default/web", b"1", retain=True)
    unsubscribe = "UNSUBSCRIBE from edgelet-default_pi-01"
    await eventually(lambda: unsubscribe in mosquitto.log or None)
    assert not node.reader.of(Message)
    assert await node.bus.retained_topics("status/") >= {"status/pods/default/web"}
    await node.close()


async def test_the_will_carries_the_connection_and_a_clean_end_sends_none(mosquitto: Mosquitto) -> None:
    node = Running(make_bus(mosquitto, chance=0.05))
    await node.reader.until(Synced)
    mosquitto.restart()
    await node.reader.until(Synced, 2)
    await node.vanish()
    found = await eventually(lambda: mosquitto.retained(ROOT + "status/online"))
    assert found[ROOT + "status/online"] == b"lost 2"
    mosquitto.publish(ROOT + "status/online", b"", retain=True)
    other = Running(make_bus(mosquitto))
    await other.reader.until(Synced)
    await other.close()
    await asyncio.sleep(0.2)
    assert mosquitto.retained(ROOT + "status/online") == {}


async def test_what_was_not_acknowledged_before_a_crash_comes_to_the_next_process(
    mosquitto: Mosquitto, node: Running
) -> None:
    mosquitto.publish(ROOT + "cmd/restart/1", b"one")
    mosquitto.publish(ROOT + "cmd/restart/2", b"two")
    first, _ = await node.reader.until(Message, 2)
    node.bus.acknowledge(first)
    await node.bus.publish("status/node", b"x")  # its PUBACK says that the broker has seen ours
    await node.vanish()
    again = Running(make_bus(mosquitto))
    await again.reader.until(Synced)
    assert [message.payload for message in again.reader.of(Message)] == [b"two"]
    await again.close()


async def test_the_inbox_stays_bounded_when_the_broker_overruns_receive_maximum(mosquitto: Mosquitto) -> None:
    bus = make_bus(mosquitto, inbox_messages=10)
    for number in range(300):
        mosquitto_publish_fast(mosquitto, number)
    task = asyncio.create_task(bus.run())
    seen = []
    most = 0
    async for event in bus.events():
        most = max(most, bus._inbox._messages)
        if isinstance(event, Message):
            seen.append(event.topic)
            bus.acknowledge(event)  # each one lets mosquitto 2.0.11 send several more
            await asyncio.sleep(0)
        if isinstance(event, Synced):
            break
    assert len(seen) == 300
    assert most <= 10
    await bus.close()
    await asyncio.wait_for(task, 5)


def mosquitto_publish_fast(broker: Mosquitto, number: int) -> None:
    """Publish one retained message by hand-made packets: three hundred processes would take half a minute."""
    topic, payload = f"{ROOT}desired/pods/default/p{number}".encode(), b"x" * 500
    connect = b"\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"
    body = len(topic).to_bytes(2, "big") + topic + payload
    length = bytes([len(body) % 128 | 0x80, len(body) // 128])
    with socket.create_connection(("127.0.0.1", broker.port)) as sock:
        sock.sendall(b"\x10" + bytes([len(connect)]) + connect)
        assert sock.recv(4)[3] == 0
        sock.sendall(b"\x31" + length + body + b"\xc0\x00")
        assert sock.recv(2) == b"\xd0\x00"  # PINGRESP: what came before it is done


async def test_two_clients_with_one_id_are_called_a_fight_and_slow_down(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    one, two = (Running(make_bus(mosquitto, chance=0.05)) for _ in range(2))
    fights = await eventually(lambda: [e for r in (one, two) for e in r.reader.of(Disconnected) if e.fighting])
    assert "takeover fight" in fights[0].reason
    before = sum(len(running.reader.of(Connected)) for running in (one, two))
    await asyncio.sleep(0.7)
    assert sum(len(running.reader.of(Connected)) for running in (one, two)) <= before + 1
    await one.close()
    await two.close()


async def test_a_denied_publish_is_an_error_and_not_a_success(broker_directory: Path) -> None:
    acl = f"pattern readwrite {ROOT}sync\ntopic readwrite {ROOT}sync\ntopic write {ROOT}status/online\n"
    with Mosquitto(broker_directory, acl=acl) as broker:
        node = Running(make_bus(broker))
        await node.reader.until(Synced)
        with pytest.raises(BusError) as caught:
            await node.bus.publish("status/node", b"x", retain=True)
        assert caught.value.reason == "NotAuthorized"
        await node.bus.publish("status/online", b"x", retain=True)
        await node.close()


async def test_no_broker_at_start_is_waited_for(broker_directory: Path) -> None:
    broker = Mosquitto(broker_directory)
    node = Running(make_bus(broker, chance=0.05))
    failed = (await node.reader.until(Disconnected))[0]
    assert "refused" in failed.reason.lower()
    with broker:
        await node.reader.until(Synced)
        await node.close()


async def test_a_broker_certificate_of_another_authority_is_refused_with_its_reason(
    mosquitto_tls: Mosquitto, tmp_path: Path
) -> None:
    bus = make_bus(mosquitto_tls, chance=0.05)
    stranger = Authority(tmp_path / "other")
    mine = mosquitto_tls.authority
    assert mine is not None
    mine.certificate.write_bytes(stranger.certificate.read_bytes())
    node = Running(bus)
    failed = (await node.reader.until(Disconnected))[0]
    assert "certificate" in failed.reason
    await node.close()


async def test_a_node_without_a_certificate_is_told_why_where_the_broker_says_it(mosquitto_tls: Mosquitto) -> None:
    bus = make_bus(mosquitto_tls, chance=0.05)
    files = bus._endpoint.files
    object.__setattr__(files, "certificate", "")
    node = Running(bus)
    failed = (await node.reader.until(Disconnected))[0]
    assert "certificate" in failed.reason.lower()
    await node.close()


async def test_several_packets_in_one_tls_record_are_all_read(mosquitto: Mosquitto, broker_directory: Path) -> None:
    for number in range(20):
        mosquitto_publish_fast(mosquitto, number)
    authority = Authority(broker_directory / "pki")
    async with _terminator(authority, mosquitto.port) as port:
        bus = make_bus(mosquitto)
        front = Mosquitto(broker_directory, authority=authority)
        front.port = port
        bus = make_bus(front)
        node = Running(bus)
        await node.reader.until(Message, 20)
        await node.close()


class _terminator:  # noqa: N801  reads as a function
    """A TLS front end that waits a little and so puts many packets into one record."""

    def __init__(self, authority: Authority, port: int) -> None:
        self._authority = authority
        self._port = port

    async def __aenter__(self) -> int:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        pair = self._authority.server("front")
        context.load_cert_chain(pair.certificate, pair.key)
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await asyncio.sleep(0.05)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back_reader, back_writer = await asyncio.open_connection("127.0.0.1", self._port)

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                await asyncio.sleep(0.02)
                sink.write(data)
                await sink.drain()
            sink.close()

        await asyncio.gather(pump(reader, back_writer), pump(back_reader, writer), return_exceptions=True)
        writer.close()
        back_writer.close()


async def test_publishing_is_fast_because_nothing_waits_for_a_delayed_acknowledgement(node: Running) -> None:
    started_s = time.monotonic()
    for _ in range(20):
        await node.bus.publish("status/node", b"x", retain=True)
    assert (time.monotonic() - started_s) / 20 < 0.02  # 40 ms with Nagle's algorithm
