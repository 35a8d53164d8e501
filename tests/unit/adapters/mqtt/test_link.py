from __future__ import annotations

import asyncio
import contextlib

from edgelet.adapters.mqtt.address import parse
from edgelet.adapters.mqtt.endpoint import Endpoint
from edgelet.adapters.mqtt.link import Link

_PINGREQ = b"\xc0\x00"


async def test_a_broker_that_wants_to_hear_more_often_than_offered_does() -> None:
    received = asyncio.Queue[bytes]()

    async def broker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(b"\x20\x06\x00\x00\x03\x13\x00\x01")  # CONNACK, ServerKeepAlive 1
        received.put_nowait(await reader.read(4096))
        writer.write(b"\xd0\x00")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(broker, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        endpoint = Endpoint(address=parse(f"mqtt://127.0.0.1:{port}"), client_id="a", root="r/", keepalive_s=180)
        link = Link(endpoint, will=None, deliver=print)
        await link.open()
        async with asyncio.timeout(3):
            assert await received.get() == _PINGREQ
        assert link.alive
        await link.close()


async def test_a_broker_that_ignores_the_packet_bound_is_left_before_it_fills_the_memory() -> None:
    async def broker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(b"\x20\x03\x00\x00\x00")  # CONNACK
        writer.write(b"\x30\xff\xff\xff\x7f\x00\x03r/b\x00")  # PUBLISH of 256 MB
        with contextlib.suppress(ConnectionError):
            writer.write(bytes(1 << 20))
            await reader.read()
        writer.close()

    async with await asyncio.start_server(broker, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        link = Link(
            Endpoint(address=parse(f"mqtt://127.0.0.1:{port}"), client_id="a", root="r/"), will=None, deliver=print
        )
        await link.open()
        async with asyncio.timeout(3):
            reason = await link.ended()
        assert "a packet of 268435455 bytes, at most 2097152 fit" in reason
        await link.close()
