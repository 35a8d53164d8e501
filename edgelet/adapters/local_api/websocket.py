"""WebSocket on a connection that h11 has let go: the handshake, and whole messages both ways (RFC 6455, wsproto).

Only imported for an exec. The handshake is our own: wsproto's would parse the request a second time and load the idna
codec for the Host header.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Message, Ping
from wsproto.frame_protocol import CloseReason

from edgelet.ports.local_api import Response, failure

READ_BYTES = 65536
MESSAGE_LIMIT_BYTES = 1024 * 1024
CLOSE_TIMEOUT_S = 2.0
STALL_TIMEOUT_S = 3600.0
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY_BYTES = 16


@dataclass(frozen=True, slots=True)
class Agreed:
    """A handshake that fits: what to send, and which subprotocol was chosen."""

    handshake: bytes
    subprotocol: str


def agree(headers: Mapping[str, str], *, method: str, subprotocols: tuple[str, ...]) -> Agreed | Response:
    """Decide on an upgrade; a Response says why not."""
    if method != "GET" or headers.get("upgrade", "").lower() != "websocket":
        wanted = headers.get("upgrade", "")
        asked = f"upgrade to {wanted!r} is not supported" if wanted else "upgrade request required"
        return failure(400, "BadRequest", f"{asked}: use GET with Upgrade: websocket")
    if "upgrade" not in _tokens(headers.get("connection", "").lower()):
        return failure(400, "BadRequest", "missing header Connection: Upgrade")
    if headers.get("sec-websocket-version") != "13":
        more = (("Sec-WebSocket-Version", "13"),)
        return failure(426, "BadRequest", "WebSocket version 13 is needed", headers=more)
    key = headers.get("sec-websocket-key", "")
    if not _is_key(key):
        return failure(400, "BadRequest", "missing or bad header Sec-WebSocket-Key")
    offered = _tokens(headers.get("sec-websocket-protocol", ""))
    chosen = next((one for one in subprotocols if one in offered), None)
    if chosen is None:
        return failure(400, "BadRequest", f"unable to upgrade: none of {', '.join(subprotocols)} was offered")
    accept = base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()).decode()
    lines = (
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept}",
        f"Sec-WebSocket-Protocol: {chosen}",
    )
    return Agreed(("\r\n".join(lines) + "\r\n\r\n").encode("ascii"), chosen)


def _tokens(text: str) -> tuple[str, ...]:
    return tuple(token.strip() for token in text.split(",") if token.strip())


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == _KEY_BYTES
    except ValueError:
        return False


class WebSocketChannel:
    """One upgraded connection. Nothing is read ahead of `receive`: a slow reader slows the other end down."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, subprotocol: str, early: bytes
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._subprotocol = subprotocol
        self._frames = Connection(ConnectionType.SERVER, trailing_data=early)
        self._events = self._frames.events()

    @property
    def subprotocol(self) -> str:
        """What both sides agreed to speak."""
        return self._subprotocol

    async def receive(self) -> bytes | None:
        """Wait for a whole message; pings are answered meanwhile. None when the other end closed or broke the rules."""
        message = bytearray()
        while True:
            event = next(self._events, None)
            if event is None:
                if not await self._feed():
                    return None
            elif isinstance(event, Ping):
                await self._say(event.response())
            elif isinstance(event, CloseConnection):
                # Still OPEN: not the other end's wish but wsproto's, for a frame that breaks the protocol.
                if self._frames.state in (ConnectionState.REMOTE_CLOSING, ConnectionState.OPEN):
                    await self._write(self._frames.send(event.response()))
                return None
            elif isinstance(event, Message):
                message += event.data.encode() if isinstance(event.data, str) else event.data
                if len(message) > MESSAGE_LIMIT_BYTES:
                    await self._say(CloseConnection(code=CloseReason.MESSAGE_TOO_BIG))
                    return None
                if event.message_finished:
                    return bytes(message)

    async def send(self, data: bytes) -> None:
        """Send one binary message."""
        if self._frames.state is not ConnectionState.OPEN:
            raise ConnectionResetError("the other end closed the channel")
        await self._write(self._frames.send(BytesMessage(data=data)))

    async def close(self) -> None:
        """Say that all was said, and give the other end a moment to take it before the socket goes."""
        if self._frames.state is not ConnectionState.OPEN:
            return
        await self._write(self._frames.send(CloseConnection(code=CloseReason.NORMAL_CLOSURE)))
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                while await self.receive() is not None:
                    pass
        except TimeoutError:
            pass

    async def _say(self, event: Event) -> None:
        """Send it, unless we closed the channel already: nothing may follow that."""
        if self._frames.state is ConnectionState.OPEN:
            await self._write(self._frames.send(event))

    async def _feed(self) -> bool:
        """Read once. A generator that ended has said all it had, so a new one is made."""
        data = await self._reader.read(READ_BYTES)
        if not data or self._frames.state in (ConnectionState.CLOSED, ConnectionState.REMOTE_CLOSING):
            return False
        self._frames.receive_data(data)
        self._events = self._frames.events()
        return True

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        async with asyncio.timeout(STALL_TIMEOUT_S):
            await self._writer.drain()
