"""One exec over a WebSocket: Kubernetes' channels (v5.channel.k8s.io), the terminal, and the end."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

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

from edgelet.cli import http_client, terminal
from edgelet.cli.failure import CliError, ServerError

STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
SUBPROTOCOL = "v5.channel.k8s.io"
CHUNK_BYTES = 32 * 1024
MAXIMUM_AHEAD_BYTES = 256 * 1024  # input read and not yet taken by the agent
MAXIMUM_STATUS_BYTES = 1024 * 1024
HANDSHAKE_TIMEOUT_S = 60.0


def run(socket_path: str, target: str, *, stdin: bool, tty: bool) -> dict[str, Any]:
    """Carry input and output until the command ended; returns the Status it ended with.

    Raises:
        ServerError: The agent refused the exec.
        CliError: The connection broke.
    """
    with http_client.connect(socket_path) as connection, ExitStack() as stack:
        session = _Session(connection)
        session.shake_hands(target)
        resized = stack.enter_context(_window_changes()) if tty else None
        if tty and sys.stdin.isatty():
            stack.enter_context(terminal.raw(sys.stdin.fileno()))
        if tty:
            session.resize()
        return session.carry(stdin=stdin, resized=resized)


class _Session:
    """A WebSocket connection and what came of the command so far."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._protocol = WSConnection(ConnectionType.CLIENT)
        self._message = bytearray()  # a frame's data may come in pieces: its first byte names the channel
        self._streaming: int | None = None
        self._outgoing = bytearray()
        self._status: dict[str, Any] | None = None

    def shake_hands(self, target: str) -> None:
        """Ask for the exec."""
        self._socket.settimeout(HANDSHAKE_TIMEOUT_S)
        self._send(Request(host="edgelet", target=target, subprotocols=[SUBPROTOCOL]))
        refused: RejectConnection | None = None
        body = b""
        while True:
            for event in self._receive():
                if isinstance(event, AcceptConnection):
                    self._socket.settimeout(None)
                    return
                if isinstance(event, RejectConnection):
                    refused = event
                if isinstance(event, RejectData):
                    body += event.data
                if refused is not None and (
                    not refused.has_body or (isinstance(event, RejectData) and event.body_finished)
                ):
                    raise _refusal(refused.status_code, body)

    def resize(self) -> None:
        """Tell the other terminal how large this one is."""
        size = os.get_terminal_size(sys.stdout.fileno()) if sys.stdout.isatty() else os.terminal_size((80, 24))
        self._write(RESIZE, json.dumps({"Width": size.columns, "Height": size.lines}).encode())

    def carry(self, *, stdin: bool, resized: int | None) -> dict[str, Any]:
        """Until the agent says how the command ended.

        Nothing here waits for the agent to take input: a command that writes before it reads on would stand still.
        """
        self._socket.setblocking(False)
        waiting = stdin
        for event in self._protocol.events():  # what came along with the handshake
            self._take(event)
        while self._status is None:
            reads = [self._socket.fileno(), *([resized] if resized is not None else [])]
            if waiting and len(self._outgoing) < MAXIMUM_AHEAD_BYTES:
                reads.append(sys.stdin.fileno())
            ready, _, _ = select.select(reads, [self._socket.fileno()] if self._outgoing else [], [])
            if resized in ready and resized is not None:
                os.read(resized, CHUNK_BYTES)
                self.resize()
            if waiting and sys.stdin.fileno() in ready:
                waiting = self._hand_over(os.read(sys.stdin.fileno(), CHUNK_BYTES))
            if self._socket.fileno() in ready:
                for event in self._receive():
                    self._take(event)
            self._flush()
        return self._status

    def _hand_over(self, data: bytes) -> bool:
        """Send input, or that there is no more; whether more may come."""
        self._write(STDIN, data) if data else self._write(CLOSE, bytes([STDIN]))
        return bool(data)

    def _take(self, event: Event) -> None:
        if isinstance(event, Ping):
            self._send(event.response())
        elif isinstance(event, CloseConnection):
            if self._status is None:
                raise CliError(f"the agent ended the exec: {event.reason or event.code}")
        elif isinstance(event, Message):
            data = event.data if isinstance(event.data, bytes | bytearray) else str(event.data).encode()
            self._channel(bytes(data), finished=bool(event.message_finished))

    def _channel(self, data: bytes, *, finished: bool) -> None:
        """One piece of a message; output is written as it comes, a Status once it is whole."""
        if self._streaming is None and data:
            self._streaming, data = data[0], data[1:]
        if self._streaming in {STDOUT, STDERR}:
            out = sys.stdout.buffer if self._streaming == STDOUT else sys.stderr.buffer
            out.write(data)
            out.flush()
        elif self._streaming == ERROR:
            self._message += data
            if len(self._message) > MAXIMUM_STATUS_BYTES:
                raise CliError("the agent sent a Status without end")
            if finished:
                self._status = json.loads(self._message)
        if finished:
            self._streaming = None

    def _write(self, channel: int, data: bytes) -> None:
        self._send(BytesMessage(data=bytes([channel]) + data))

    def _send(self, event: Event) -> None:
        self._outgoing += self._protocol.send(event)
        self._flush()

    def _flush(self) -> None:
        """Send what the socket takes now."""
        try:
            while self._outgoing:
                del self._outgoing[: self._socket.send(self._outgoing)]
        except BlockingIOError:
            pass
        except OSError as error:
            raise CliError(f"the connection to the agent broke: {error.strerror or error}") from error

    def _receive(self) -> Iterator[Event]:
        try:
            data = self._socket.recv(CHUNK_BYTES)
            if not data:
                raise CliError("the agent closed the connection before the command ended")
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


@contextmanager
def _window_changes() -> Iterator[int]:
    """A descriptor that becomes readable whenever the terminal's size changed."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before_wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    before = signal.signal(signal.SIGWINCH, lambda _signal, _frame: None)
    try:
        yield reader
    finally:
        signal.signal(signal.SIGWINCH, before)
        signal.set_wakeup_fd(before_wakeup)
        os.close(reader)
        os.close(writer)
