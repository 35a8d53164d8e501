"""The server: one socket file, a bounded number of connections, an orderly end."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from edgelet.adapters.local_api import peer, socket_file
from edgelet.adapters.local_api.access import Access
from edgelet.adapters.local_api.connection import Connection
from edgelet.adapters.local_api.limits import BACKLOG, STREAM_LIMIT_BYTES, ServerLimits
from edgelet.ports.local_api import Handler, Peer, encode

if TYPE_CHECKING:
    from edgelet.adapters.local_api.tcp_door import TcpDoor
    from edgelet.adapters.local_api.tcp_listener import TcpListener

log = logging.getLogger(__name__)

REFUSALS = 16  # connections over the bound that are told so at one time; further ones are just closed
REFUSAL_TIMEOUT_S = 1.0
_ACCEPTED_WITHIN_TURNS = 4  # of the loop, from accept to the connection's callback


class LocalApiServer:
    """Answers on a unix socket with what `handler` says.

    `open` first (it fails at once where it cannot listen), then `serve` until it is cancelled.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        path: Path,
        group: str = "edgelet",
        users: tuple[str, ...] = (),
        limits: ServerLimits | None = None,
        tcp: TcpDoor | None = None,
    ) -> None:
        self._handler = handler
        self._path = path
        self._access = Access(group, users)
        self._tcp = tcp
        self.tcp_port = 0  # where it listens; 0: nowhere
        self._limits = limits or ServerLimits()
        self._file: socket_file.SocketFile | None = None
        self._connections: dict[asyncio.Task[None], Connection] = {}
        self._refusals = 0
        self._stopping = False

    def open(self) -> None:
        """Listen: from here on clients may connect, and wait until `serve` runs.

        Raises:
            EdgeletError: AddressInUse, BadSocketPath, Forbidden (socket_file.open_socket).
        """
        mode = socket_file.MODE_FOR_ALL if self._access.for_all_to_connect else socket_file.MODE
        self._file = socket_file.open_socket(self._path, group=self._access.group, backlog=BACKLOG, mode=mode)

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
                far = await self._listen_far(tasks)
                try:
                    await asyncio.get_running_loop().create_future()
                finally:
                    await self._close(server, far)
                    self.close()
                    await self._finish()
        finally:
            self.close()

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    async def _listen_far(self, tasks: asyncio.TaskGroup) -> TcpListener | None:
        """Listen on TCP where that was asked for; an address that cannot be had is told, the socket goes on."""
        door = self._tcp
        if door is None:
            return None
        from edgelet.adapters.local_api import tcp_listener  # noqa: PLC0415  ssl: 5 MB

        def admit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str) -> None:
            refused = b"" if door.allows(name) else _not_allowed(f'"{name}"')
            self._admit(tasks, reader, writer, Peer(name=name), refused)

        far = tcp_listener.TcpListener(door, tasks=tasks, admit=admit)
        try:
            self.tcp_port = await far.open()
        except OSError as error:
            where = f"{door.host}:{door.port}"
            log.error("cannot listen on TCP", extra={"address": where, "error": error.strerror or str(error)})  # noqa: TRY400
            return None
        log.info("the API listens on TCP, for client certificates", extra={"address": f"{door.host}:{self.tcp_port}"})
        return far

    def _accept(self, tasks: asyncio.TaskGroup, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sock = writer.get_extra_info("socket")
        try:
            who = peer.credentials(sock)
        except OSError:  # gone already
            writer.transport.abort()
            return
        refused = b"" if self._access.allows(who, sock) else _not_allowed(f"uid {who.uid}")
        self._admit(tasks, reader, writer, who, refused)

    def _admit(
        self,
        tasks: asyncio.TaskGroup,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        who: Peer,
        refused: bytes,
    ) -> None:
        """Serve a client, or tell it why not."""
        if self._stopping:  # it was accepted in the same turn of the loop: nobody would ever end its connection
            writer.transport.abort()
            return
        if refused:
            log.warning("refused a client of the local API", extra={"peer": str(who)})
        elif len(self._connections) >= self._limits.connections:
            log.warning("too many clients of the local API", extra={"connections": self._limits.connections})
            refused = _busy()
        if refused:
            if self._refusals >= REFUSALS:
                writer.transport.abort()
                return
            tasks.create_task(self._refuse(reader, writer, refused), name="local-api/refusal")
            return
        connection = Connection(reader, writer, handler=self._handler, limits=self._limits, peer=who)
        task = tasks.create_task(connection.run(), name=f"local-api/{who}")
        self._connections[task] = connection
        task.add_done_callback(self._connections.pop)
        task.add_done_callback(
            lambda _: writer.close()
        )  # a task that is cancelled before its first step closes nothing

    async def _refuse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: bytes) -> None:
        """Answer without h11: what is asked does not matter; most clients ask before they read."""
        self._refusals += 1
        try:
            async with asyncio.timeout(REFUSAL_TIMEOUT_S):
                await reader.read(STREAM_LIMIT_BYTES)
                writer.write(answer)
                await writer.drain()
        except (OSError, TimeoutError):
            pass
        finally:
            self._refusals -= 1
            writer.close()

    async def _close(self, server: asyncio.Server, far: TcpListener | None) -> None:
        """Accept no more. What was accepted just now gets its turn first: asyncio would leave it open for ever."""
        self._stopping = True
        if far is not None:
            far.close()
        for listening in server.sockets:
            asyncio.get_running_loop().remove_reader(listening.fileno())
        for _ in range(_ACCEPTED_WITHIN_TURNS):
            await asyncio.sleep(0)
        server.close()

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
    return _answer("503 Service Unavailable", "ServiceUnavailable", "too many clients of the local API; try again")


def _not_allowed(who: str) -> bytes:
    message = f"{who} may not use this API: it is for root and those whom [api] group, users and tcp_clients name"
    return _answer("403 Forbidden", "Forbidden", message)


def _answer(line: str, reason: str, message: str) -> bytes:
    code = int(line.partition(" ")[0])
    again = code == HTTPStatus.SERVICE_UNAVAILABLE
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        **({"details": {"retryAfterSeconds": 1}} if again else {}),
        "code": code,
    }
    body = encode(status)
    headers = (
        f"HTTP/1.1 {line}",
        "Content-Type: application/json",
        *(("Retry-After: 1",) if again else ()),
        "Connection: close",
        f"Content-Length: {len(body)}",
    )
    return "".join(f"{one}\r\n" for one in (*headers, "")).encode("ascii") + body
