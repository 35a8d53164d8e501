"""The server: one socket file, a bounded number of connections, an orderly end."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from edgelet.adapters.local_api import peer, socket_file
from edgelet.adapters.local_api.connection import Connection
from edgelet.adapters.local_api.limits import ServerLimits
from edgelet.ports.local_api import Handler, encode

log = logging.getLogger(__name__)

BACKLOG = 128
STREAM_LIMIT_BYTES = 65536  # asyncio stops reading at twice this
REFUSALS = 16  # connections over the bound that are told so at one time; further ones are just closed
REFUSAL_TIMEOUT_S = 1.0
_ACCEPTED_WITHIN_TURNS = 4  # of the loop, from accept to the connection's callback


class LocalApiServer:
    """Answers on a unix socket with what `handler` says.

    `open` first (it fails at once where it cannot listen), then `serve` until it is cancelled.
    """

    def __init__(
        self, handler: Handler, *, path: Path, group: str = "edgelet", limits: ServerLimits | None = None
    ) -> None:
        self._handler = handler
        self._path = path
        self._group = group
        self._limits = limits or ServerLimits()
        self._file: socket_file.SocketFile | None = None
        self._connections: dict[asyncio.Task[None], Connection] = {}
        self._refusals = 0
        self._ending = False

    def open(self) -> None:
        """Listen: from here on clients may connect, and wait until `serve` runs.

        Raises:
            EdgeletError: AddressInUse, BadSocketPath, Forbidden (socket_file.open_socket).
        """
        self._file = socket_file.open_socket(self._path, group=self._group, backlog=BACKLOG)

    def close(self) -> None:
        """Stop listening and remove the file; `serve` does it too. Twice is no error."""
        if self._file is not None:
            file, self._file = self._file, None
            socket_file.remove_socket(file)

    async def serve(self) -> None:
        """Answer until cancelled; then no new clients, a short grace for requests under way, streams are cut."""
        if self._file is None:
            self.open()
        assert self._file is not None  # noqa: S101  opened just now
        try:
            async with asyncio.TaskGroup() as tasks:
                server = await asyncio.start_unix_server(
                    lambda reader, writer: self._accept(tasks, reader, writer),
                    sock=self._file.socket,
                    backlog=BACKLOG,
                    limit=STREAM_LIMIT_BYTES,
                )
                self._ending = False
                try:
                    await asyncio.get_running_loop().create_future()
                finally:
                    await self._close_door()
                    server.close()
                    self.close()
                    await self._finish()
        finally:
            self.close()

    async def _close_door(self) -> None:
        """Accept nobody any more. Who was accepted just now is let in, to be cut: asyncio would forget the socket."""
        self._ending = True
        assert self._file is not None  # noqa: S101  it is open while it serves
        asyncio.get_running_loop().remove_reader(self._file.socket)
        for _ in range(_ACCEPTED_WITHIN_TURNS):
            await asyncio.sleep(0)

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    def _accept(self, tasks: asyncio.TaskGroup, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._ending:  # accepted before the socket was closed: nobody would end it any more
            writer.transport.abort()
            return
        if len(self._connections) >= self._limits.connections:
            if self._refusals >= REFUSALS:
                writer.transport.abort()
                return
            tasks.create_task(self._refuse(reader, writer), name="local-api/refusal")
            return
        try:
            who = peer.credentials(writer.get_extra_info("socket"))
        except OSError:  # gone already
            writer.transport.abort()
            return
        connection = Connection(reader, writer, handler=self._handler, limits=self._limits, peer=who)
        task = tasks.create_task(connection.run(), name=f"local-api/{who.pid}")
        self._connections[task] = connection
        task.add_done_callback(self._connections.pop)

    async def _refuse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Say 503 without h11: what is asked does not matter; most clients ask before they read."""
        self._refusals += 1
        log.warning("too many clients of the local API", extra={"connections": self._limits.connections})
        try:
            async with asyncio.timeout(REFUSAL_TIMEOUT_S):
                await reader.read(STREAM_LIMIT_BYTES)
                writer.write(_busy())
                await writer.drain()
        except (OSError, TimeoutError):
            pass
        finally:
            self._refusals -= 1
            writer.close()

    async def _finish(self) -> None:
        """Let requests under way end for a moment; idle connections and streams end at once with their task."""
        for task, connection in tuple(self._connections.items()):
            if connection.idle or connection.streaming:
                task.cancel()
        if self._connections:
            await asyncio.wait(tuple(self._connections), timeout=self._limits.stop_grace_s)
        for task in tuple(self._connections):
            task.cancel()


def _busy() -> bytes:
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "too many clients of the local API; try again",
        "reason": "ServiceUnavailable",
        "details": {"retryAfterSeconds": 1},
        "code": 503,
    }
    body = encode(status)
    head = (
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
        f"Retry-After: 1\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body
