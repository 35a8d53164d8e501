"""Servers to be probed: the same handles on real sockets and in memory."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from typing import Protocol

import h11
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded

from edgelet.ports.probe_net import HttpGet, ProbeNet
from tests.fakes.probe_net import Answer, FakeProbeNet, Page

Address = tuple[str, int]
Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Servers(Protocol):
    """Makes servers; each method returns where one listens."""

    @property
    def net(self) -> ProbeNet:
        """Where they are probed from."""
        ...

    async def http(self, page: Answer | Page, *, tls: bool = False) -> Address: ...

    async def health(self, services: dict[str, str]) -> Address: ...

    async def silent(self) -> Address:
        """One that accepts and never says a word."""
        ...

    async def nobody(self) -> Address: ...


class ServersInMemory:
    """On the fake network."""

    def __init__(self) -> None:
        self.net = FakeProbeNet()
        self._port = 1000

    async def http(self, page: Answer | Page, *, tls: bool = False) -> Address:
        address = await self.nobody()
        self.net.serve(*address, page, tls=tls)
        return address

    async def health(self, services: dict[str, str]) -> Address:
        address = await self.nobody()
        self.net.health(*address, services)
        return address

    async def silent(self) -> Address:
        address = await self.nobody()
        self.net.listen(*address)
        return address

    async def nobody(self) -> Address:
        self._port += 1
        return "127.0.0.1", self._port


class RealServers:
    """On sockets of this machine."""

    def __init__(self, net: ProbeNet, tls: ssl.SSLContext | None, *, host: str = "127.0.0.1") -> None:
        self.net = net
        self._tls = tls
        self._host = host
        self._servers: list[asyncio.Server] = []
        self._connections: set[asyncio.Task[None]] = set()

    async def http(self, page: Answer | Page, *, tls: bool = False) -> Address:
        answer = page if callable(page) else lambda _: page
        return await self.listen(lambda reader, writer: _http(reader, writer, answer, tls=tls), tls=tls)

    async def health(self, services: dict[str, str]) -> Address:
        return await self.listen(lambda reader, writer: _health(reader, writer, services))

    async def silent(self) -> Address:
        async def say_nothing(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            await reader.read()

        return await self.listen(say_nothing)

    async def nobody(self) -> Address:
        address = await self.silent()
        self._servers.pop().close()
        return address

    async def raw(self, answer: bytes) -> Address:
        """One that sends these bytes whatever it is asked."""

        async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(65_536)
            writer.write(answer)
            await writer.drain()

        return await self.listen(send)

    async def listen(self, connected: Connected, *, tls: bool = False) -> Address:
        """Have each connection handled, and closed after."""

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._connections.add(task)
            try:
                with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                    await connected(reader, writer)
            finally:
                writer.close()
                self._connections.discard(task)

        server = await asyncio.start_server(handle, self._host, 0, ssl=self._tls if tls else None)
        self._servers.append(server)
        host, port = server.sockets[0].getsockname()
        return host, port

    async def close(self) -> None:
        for server in self._servers:
            server.close()
        for task in tuple(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)


async def _http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer, *, tls: bool) -> None:
    connection = h11.Connection(h11.SERVER)
    request: h11.Request | None = None
    while not isinstance(event := connection.next_event(), h11.EndOfMessage):
        if event is h11.NEED_DATA:
            data = await reader.read(65_536)
            if not data:
                return
            if data.startswith(b"\x16\x03"):  # a TLS greeting
                writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
                return
            connection.receive_data(data)
        elif isinstance(event, h11.Request):
            request = event
    assert request is not None
    headers = [(name.decode(), value.decode()) for name, value in request.headers]
    host, port = writer.get_extra_info("sockname")[:2]
    page = answer(
        HttpGet(
            host=host,
            port=port,
            path=request.target.decode(),
            scheme="https" if tls else "http",
            headers=tuple((name, value) for name, value in headers if name not in {"host", "connection"}),
            host_header=dict(headers).get("host", ""),
        )
    )
    if page.delay_s is None:
        await asyncio.Event().wait()
    await asyncio.sleep(page.delay_s or 0.0)
    extra = [("Location", page.location)] if page.location else []
    head = h11.Response(status_code=page.status, headers=[("Content-Length", str(len(page.body))), *extra])
    parts = (head, h11.Data(data=page.body), h11.EndOfMessage())
    writer.write(b"".join(connection.send(part) or b"" for part in parts))
    await writer.drain()


async def _health(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, services: dict[str, str]) -> None:
    """A gRPC server that knows one method; the messages are read and written byte by byte, unlike in the agent."""
    h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
    h2.initiate_connection()
    writer.write(h2.data_to_send())
    body, path = b"", ""
    while data := await reader.read(65_536):
        for event in h2.receive_data(data):
            if isinstance(event, RequestReceived):
                path = {str(name): str(value) for name, value in event.headers or ()}[":path"]
            elif isinstance(event, DataReceived):
                body += event.data or b""
            elif isinstance(event, StreamEnded):
                _answer_health(h2, event.stream_id or 0, path, body, services)
        writer.write(h2.data_to_send())
        await writer.drain()


def _answer_health(h2: H2Connection, stream: int, path: str, body: bytes, services: dict[str, str]) -> None:
    head = [(":status", "200"), ("content-type", "application/grpc")]
    service = body[8 if body[6] & 0x80 else 7 :].decode() if len(body) > 5 else ""
    if path != "/grpc.health.v1.Health/Check":
        h2.send_headers(stream, [*head, ("grpc-status", "12"), ("grpc-message", "unknown method")], end_stream=True)
    elif service not in services:
        h2.send_headers(stream, [*head, ("grpc-status", "5"), ("grpc-message", "unknown%20service")], end_stream=True)
    else:
        number = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"].index(services[service])
        message = bytes([0x08, number]) if number else b""
        h2.send_headers(stream, head)
        h2.send_data(stream, b"\0" + len(message).to_bytes(4, "big") + message)
        h2.send_headers(stream, [("grpc-status", "0"), ("grpc-message", "")], end_stream=True)
