"""The client's side of a WebSocket, message by message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Request

from tests.flow.local_api.board import Board
from tests.flow.local_api.client import Client, connected

V5, V4 = "v5.channel.k8s.io", "v4.channel.k8s.io"


class Socket:
    """The client's side of a WebSocket."""

    def __init__(self, client: Client, *, target: str, subprotocols: list[str]) -> None:
        self.client = client
        self.ws = WSConnection(ConnectionType.CLIENT)
        self._request = Request(host="x", target=target, subprotocols=subprotocols)
        self._events: list[object] = []

    async def open(self) -> str | None:
        await self.client.send(self.ws.send(self._request))
        event = await self.event()
        assert isinstance(event, AcceptConnection), event
        return event.subprotocol

    async def event(self) -> object:
        async with asyncio.timeout(5):
            while not self._events:
                data = await self.client.reader.read(65536)
                self.ws.receive_data(data or None)
                self._events.extend(self.ws.events())
        return self._events.pop(0)

    async def say(self, data: bytes) -> None:
        await self.client.send(self.ws.send(BytesMessage(data=data)))

    async def message(self) -> bytes:
        """Read one whole message."""
        part = b""
        while True:
            event = await self.event()
            assert isinstance(event, BytesMessage), event
            part += event.data
            if event.message_finished:
                return part

    async def messages(self) -> list[bytes]:
        """Read to the end; whole messages."""
        found, part = [], b""
        while not isinstance(event := await self.event(), CloseConnection):
            if isinstance(event, BytesMessage):
                part += event.data
                if event.message_finished:
                    found.append(part)
                    part = b""
        if self.ws.state is ConnectionState.REMOTE_CLOSING:
            await self.client.send(self.ws.send(event.response()))
        return found


@asynccontextmanager
async def upgraded(board: Board, target: str, subprotocol: str = V5) -> AsyncIterator[Socket]:
    """A connection whose handshake is done."""
    async with connected(board) as client:
        made = Socket(client, target=target, subprotocols=[subprotocol])
        assert await made.open() == subprotocol
        yield made
