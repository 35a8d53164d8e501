"""One connection that is forwarded: a local socket and a WebSocket to the agent, until both have said all."""

from __future__ import annotations

import select
import socket

from edgelet.cli import http_client
from edgelet.cli.failure import CliError
from edgelet.cli.websocket import CLOSE, WebSocket

DATA, ERROR = 0, 1  # channels of the one port that is asked for
CHUNK_BYTES = 64 * 1024
MAXIMUM_AHEAD_BYTES = 256 * 1024  # read here and not yet taken there, in each direction
_PORT_BYTES = 2  # the first message of each channel names the port


def carry(socket_path: str, target: str, local: socket.socket) -> str:
    """Carry both directions; returns the pod's side of why it failed, "" where it did not.

    Raises:
        ServerError: The agent refused.
        CliError: The connection to the agent broke.
    """
    with http_client.connect(socket_path) as connection:
        websocket = WebSocket(connection)
        websocket.shake_hands(target)
        local.setblocking(False)
        return _Carried(websocket, local).run()


class _Carried:
    """The state of both directions."""

    def __init__(self, websocket: WebSocket, local: socket.socket) -> None:
        self._websocket = websocket
        self._local = local
        self._inbound = bytearray()  # for the local side
        self._heard: dict[int, int] = {DATA: 0, ERROR: 0}  # bytes on each channel
        self._error = bytearray()
        self._local_ended = False
        self._pod_ended = False
        self._told_end = False

    def run(self) -> str:
        for piece in self._websocket.early():
            self._take(*piece)
        while not self._over():
            self._exchange()
        return self._error.decode(errors="replace")

    def _over(self) -> bool:
        """Whether the agent is done: it closes when both sides said all and have got all, or when it failed."""
        return bool(self._websocket.closed or self._error) and not self._inbound

    def _exchange(self) -> None:
        websocket, local = self._websocket, self._local
        reads: list[int] = []
        if len(self._inbound) < MAXIMUM_AHEAD_BYTES and not websocket.closed:
            reads.append(websocket.fileno())
        if not self._local_ended and websocket.unsent < MAXIMUM_AHEAD_BYTES:
            reads.append(local.fileno())
        writes = [local.fileno()] if self._inbound else []
        writes += [websocket.fileno()] if websocket.unsent else []
        ready, _, _ = select.select(reads, writes, [])
        if websocket.fileno() in ready:
            for piece in websocket.pieces():
                self._take(*piece)
        if local.fileno() in ready:
            self._read_local()
        if self._inbound or (self._pod_ended and not self._told_end):
            self._write_local()
        websocket.flush()

    def _take(self, channel: int, data: bytes, _finished: bool) -> None:  # noqa: FBT001  as `pieces` gives it
        if channel == CLOSE:
            self._pod_ended = self._pod_ended or data[:1] == bytes([DATA])
        elif channel in self._heard:
            skipped = max(0, _PORT_BYTES - self._heard[channel])
            self._heard[channel] += len(data)
            (self._inbound if channel == DATA else self._error).extend(data[skipped:])

    def _read_local(self) -> None:
        try:
            data = self._local.recv(CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError as error:  # reset: neither direction goes on
            raise LocalGoneError(error.strerror or str(error)) from error
        if data:
            self._websocket.write(DATA, data)
        else:
            self._local_ended = True
            self._websocket.end(DATA)

    def _write_local(self) -> None:
        try:
            while self._inbound:
                del self._inbound[: self._local.send(self._inbound[:CHUNK_BYTES])]
            if self._pod_ended and not self._told_end:
                self._told_end = True
                self._local.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            pass
        except OSError as error:
            raise LocalGoneError(error.strerror or str(error)) from error


class LocalGoneError(CliError):
    """The program on this side broke its connection: nothing to be told."""
