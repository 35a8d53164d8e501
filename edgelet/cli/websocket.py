"""A WebSocket to the agent: the handshake, and messages whose first byte names a channel. Nothing waits to be sent."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Message,
    Ping,
    RejectConnection,
    RejectData,
    Request,
)
from wsproto.utilities import ProtocolError

from edgelet.cli.failure import CliError, ServerError

CLOSE = 255  # a channel's end, and then which channel
SUBPROTOCOL = "v5.channel.k8s.io"
HANDSHAKE_TIMEOUT_S = 60.0
READ_BYTES = 64 * 1024


class WebSocket:
    """A WebSocket on a connection that is the caller's to close."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._protocol = WSConnection(ConnectionType.CLIENT)
        self._streaming: int | None = None  # the channel of a message whose end has not come
        self._outgoing = bytearray()
        self.closed = ""  # why the agent closed it; "" while it has not

    def fileno(self) -> int:
        """Return the descriptor, for select."""
        return self._socket.fileno()

    @property
    def unsent(self) -> int:
        """How many bytes wait for the agent to take them."""
        return len(self._outgoing)

    def shake_hands(self, target: str) -> None:
        """Ask for the streams; afterwards the connection does not block.

        Raises:
            ServerError: The agent refused.
            CliError: The connection broke.
        """
        self._socket.settimeout(HANDSHAKE_TIMEOUT_S)
        self._send(Request(host="edgelet", target=target, subprotocols=[SUBPROTOCOL]))
        refused: RejectConnection | None = None
        body = b""
        while True:
            for event in self._receive():
                if isinstance(event, AcceptConnection):
                    self._socket.setblocking(False)
                    return
                if isinstance(event, RejectConnection):
                    refused = event
                if isinstance(event, RejectData):
                    body += event.data
                if refused is not None and (
                    not refused.has_body or (isinstance(event, RejectData) and event.body_finished)
                ):
                    raise _refusal(refused.status_code, body)

    def early(self) -> Iterator[tuple[int, bytes, bool]]:
        """Give what came along with the handshake; call it once, before `pieces`."""
        for event in self._protocol.events():
            yield from self._taken(event)

    def pieces(self) -> Iterator[tuple[int, bytes, bool]]:
        """Read once: (channel, data, whether the message ends with it). A long message comes in several pieces."""
        for event in self._receive():
            yield from self._taken(event)

    def write(self, channel: int, data: bytes) -> None:
        """Send a message, or as much of it as the agent takes now; `flush` sends the rest."""
        self._send(BytesMessage(data=bytes([channel]) + data))

    def end(self, channel: int) -> None:
        """Say that nothing more comes on a channel."""
        self.write(CLOSE, bytes([channel]))

    def flush(self) -> None:
        """Send what the socket takes now."""
        try:
            while self._outgoing:
                del self._outgoing[: self._socket.send(self._outgoing)]
        except BlockingIOError:
            pass
        except OSError as error:
            raise CliError(f"the connection to the agent broke: {error.strerror or error}") from error

    def _taken(self, event: Event) -> Iterator[tuple[int, bytes, bool]]:
        if isinstance(event, Ping):
            self._send(event.response())
        elif isinstance(event, CloseConnection):
            self.closed = event.reason or f"code {int(event.code)}"
        elif isinstance(event, Message):
            data = bytes(event.data) if isinstance(event.data, bytes | bytearray) else str(event.data).encode()
            finished = bool(event.message_finished)
            if self._streaming is None and data:
                self._streaming, data = data[0], data[1:]
            if self._streaming is not None:
                yield self._streaming, data, finished
            if finished:
                self._streaming = None

    def _send(self, event: Event) -> None:
        self._outgoing += self._protocol.send(event)
        self.flush()

    def _receive(self) -> Iterator[Event]:
        try:
            data = self._socket.recv(READ_BYTES)
            if not data:
                raise CliError("the agent closed the connection before the end")
            self._protocol.receive_data(data)
            yield from self._protocol.events()
        except TimeoutError:
            raise CliError(f"the agent did not answer within {HANDSHAKE_TIMEOUT_S:g} s") from None
        except BlockingIOError:
            return
        except OSError as error:
            raise CliError(f"the connection to the agent broke: {error.strerror or error}") from error
        except ProtocolError as error:
            raise CliError(f"the agent speaks no WebSocket: {error}") from error


def _refusal(code: int, body: bytes) -> CliError:
    try:
        status = json.loads(body)
    except ValueError:
        status = {"message": body[:300].decode(errors="replace").strip()}
    return ServerError(status if isinstance(status, dict) else {}, http_status=code)
