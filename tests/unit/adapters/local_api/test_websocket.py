from __future__ import annotations

import asyncio
from typing import Any

import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping

from edgelet.adapters.local_api.websocket import MESSAGE_LIMIT_BYTES, WebSocketChannel


class Writer:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    async def drain(self) -> None:
        """Be done."""


def channel(*said: Event) -> tuple[WebSocketChannel, Writer]:
    client = Connection(ConnectionType.CLIENT)
    reader: Any = asyncio.StreamReader()
    for event in said:
        reader.feed_data(client.send(event))
    reader.feed_eof()
    writer: Any = Writer()
    return WebSocketChannel(reader, writer, subprotocol="v5.channel.k8s.io", early=b""), writer


async def test_a_ping_is_answered() -> None:
    made, writer = channel(Ping(payload=b"p"), CloseConnection(code=1000))
    assert await made.receive() is None
    assert writer.written.startswith(b"\x8a\x01p")


@pytest.mark.parametrize(
    "late", [Ping(payload=b"p"), BytesMessage(data=b"x" * (MESSAGE_LIMIT_BYTES + 1))], ids=["ping", "too much"]
)
async def test_nothing_follows_our_own_close_whatever_the_other_end_still_says(late: Event) -> None:
    made, writer = channel(late, CloseConnection(code=1000))
    await made.close()
    assert writer.written == b"\x88\x02\x03\xe8"
