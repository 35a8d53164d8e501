"""Clients on TCP that show no certificate: they are few at any time, cost nobody else anything, and leave nothing."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from edgelet.adapters.local_api import tcp_listener
from edgelet.adapters.local_api.tcp_listener import HandshakeBounds, TcpListener
from tests.fixtures.certificates import Authority
from tests.flow.local_api import test_tcp
from tests.flow.local_api.test_tcp import ALLOWED, ask, files_of, trusting

BOUND = HandshakeBounds().half_open
SILENT = 500
RESET = struct.pack("ii", 1, 0)  # struct linger: closing sends RST
REQUEST = b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> list[TcpListener]:
    """The listeners that servers made, newest last."""
    made: list[TcpListener] = []

    class Watched(TcpListener):
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            made.append(self)

    monkeypatch.setattr(tcp_listener, "TcpListener", Watched)
    return made


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


@pytest.fixture
async def port(directory: Path, authority: Authority, listener: list[TcpListener]) -> AsyncIterator[int]:
    assert listener == []
    async with test_tcp.serving(directory, files_of(authority, authority.server()), ALLOWED) as number:
        yield number


@pytest.fixture
def good(authority: Authority) -> ssl.SSLContext:
    return trusting(authority, authority.client(ALLOWED))


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def until(true: Callable[[], bool], *, within_s: float = 20) -> None:
    async with asyncio.timeout(within_s):
        while not true():
            await asyncio.sleep(0.01)


async def silent(port: int, address: str = "127.0.0.1") -> socket.socket:
    """Connect from `address` and say nothing."""
    sock = socket.socket()
    sock.setblocking(False)
    sock.bind((address, 0))
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    return sock


async def ended(sock: socket.socket) -> bool:
    """Whether the other end closes, or has: within some seconds, and whatever it still sends."""
    try:
        async with asyncio.timeout(10):
            while await asyncio.get_running_loop().sock_recv(sock, 65536):
                pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


def alive(sock: socket.socket) -> bool:
    try:
        return sock.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


class Handshake:
    """A client's TLS step by step: what it would send next is in `out`."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._in, self._out, server_hostname="127.0.0.1")
        self.step()

    def step(self, came: bytes = b"") -> bool:
        """Take what came; True when the client's side is through."""
        self._in.write(came)
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def out(self) -> bytes:
        return self._out.read()

    def read(self, came: bytes) -> bytes:
        self._in.write(came)
        try:
            return self.tls.read()
        except ssl.SSLWantReadError:
            return b""


async def up_to_finished(sock: socket.socket, client: Handshake) -> None:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, client.out())
    while not client.step(await loop.sock_recv(sock, 65536)):
        pass


async def test_five_hundred_silent_clients_hold_a_few_descriptors_and_a_good_one_is_served(
    port: int, listener: list[TcpListener], good: ssl.SSLContext
) -> None:
    before, most = descriptors(), 0
    clients: list[socket.socket] = []
    try:
        for number in range(SILENT):
            clients.append(await silent(port))
            most = max(most, descriptors() - before - len(clients))
            if number % 100 == 0:
                assert (await ask(port, good)).startswith(b"HTTP/1.1 200")
        await until(lambda: sum(map(alive, clients)) <= BOUND)
        assert listener[-1].half_open <= BOUND
        assert descriptors() - before - len(clients) <= BOUND
        assert most <= BOUND + 20  # more are closed in the next turns
        assert (await ask(port, good)).startswith(b"HTTP/1.1 200")
    finally:
        for one in clients:
            one.close()
    await until(lambda: listener[-1].half_open == 0)
    await until(lambda: descriptors() <= before)


async def test_a_flood_from_one_address_cuts_no_client_of_another(
    port: int, listener: list[TcpListener], good: ssl.SSLContext
) -> None:
    slow = await silent(port, "127.0.0.2")
    await until(lambda: listener[-1].half_open == 1)
    flood = [await silent(port) for _ in range(BOUND * 4)]
    await until(lambda: sum(map(alive, flood)) < BOUND)
    client = Handshake(good)
    await up_to_finished(slow, client)
    client.tls.write(REQUEST)
    await asyncio.get_running_loop().sock_sendall(slow, client.out())
    assert client.read(await asyncio.get_running_loop().sock_recv(slow, 65536)).startswith(b"HTTP/1.1 200")
    for one in (slow, *flood):
        one.close()


async def test_who_says_nothing_is_cut_in_time(
    directory: Path, authority: Authority, listener: list[TcpListener], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp_listener, "HandshakeBounds", lambda: HandshakeBounds(timeout_s=0.3))
    async with test_tcp.serving(directory, files_of(authority, authority.server()), ALLOWED) as port:
        quiet, dripping = await silent(port), await silent(port)
        hello = Handshake(trusting(authority, None)).out()
        await asyncio.get_running_loop().sock_sendall(dripping, hello[:20])
        assert await ended(quiet)
        assert await ended(dripping)
        await until(lambda: listener[-1].half_open == 0)
        quiet.close()
        dripping.close()


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 6, 20])
async def test_the_half_open_end_with_the_server_however_late_they_came(
    directory: Path, authority: Authority, turns: int
) -> None:
    before = descriptors()
    async with test_tcp.serving(directory, files_of(authority, authority.server()), ALLOWED) as port:
        clients = [await silent(port) for _ in range(5)]
        for _ in range(turns):
            await asyncio.sleep(0)
    for one in clients:
        assert await ended(one)
        one.close()
    gc.collect()  # a socket that was forgotten would warn here
    await until(lambda: descriptors() <= before)


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 4, 5, 8])
async def test_a_handshake_that_is_done_while_the_server_ends_leaves_nothing_open(
    directory: Path, authority: Authority, good: ssl.SSLContext, turns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp_listener, "HandshakeBounds", lambda: HandshakeBounds(goodbye_s=0.2))
    before = descriptors()
    async with test_tcp.serving(directory, files_of(authority, authority.server()), ALLOWED) as port:
        sock, client = await silent(port), Handshake(good)
        await up_to_finished(sock, client)
        sock.send(client.out())
        for _ in range(turns):
            await asyncio.sleep(0)
    assert await ended(sock)
    sock.close()
    await until(lambda: descriptors() <= before)


async def test_a_client_that_resets_in_the_midst_of_the_handshake_leaves_nothing(
    port: int, listener: list[TcpListener], good: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    unhandled: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
    before = descriptors()
    hello = Handshake(good).out()
    for part in (b"", hello[:1], hello[: len(hello) // 2], hello, b"GET / HTTP/1.1\r\n\r\n", os.urandom(4096)):
        for reset in (True, False):
            sock = await silent(port)
            sock.send(part)
            if part == hello:
                await asyncio.get_running_loop().sock_recv(sock, 10)  # the server's answer is on its way
            if reset:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            sock.close()
    await until(lambda: listener[-1].half_open == 0)
    await until(lambda: descriptors() <= before)
    gc.collect()
    assert unhandled == []
    assert [one.getMessage() for one in caplog.records if one.levelno > logging.INFO] == []
    assert (await ask(port, good)).startswith(b"HTTP/1.1 200")


async def test_a_client_that_the_system_has_forgotten_already_ends_nothing_else(
    port: int, listener: list[TcpListener], good: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = descriptors()
    loop = asyncio.get_running_loop()

    async def gone(*_: object) -> None:
        raise OSError(107, "Transport endpoint is not connected")

    with monkeypatch.context() as patched:
        patched.setattr(loop, "connect_accepted_socket", gone)
        sock = await silent(port)
        assert await ended(sock)
    sock.close()
    await until(lambda: descriptors() <= before)
    await until(lambda: listener[-1].half_open == 0)
    assert (await ask(port, good)).startswith(b"HTTP/1.1 200")


async def test_a_request_in_the_same_packet_as_the_end_of_the_handshake_is_answered(
    port: int, good: ssl.SSLContext
) -> None:
    sock, client = await silent(port), Handshake(good)
    await up_to_finished(sock, client)
    client.tls.write(REQUEST)
    await asyncio.get_running_loop().sock_sendall(sock, client.out())
    said = b""
    with contextlib.suppress(ssl.SSLZeroReturnError):
        while b"name=" not in said:
            said += client.read(await asyncio.get_running_loop().sock_recv(sock, 65536))
    assert said.endswith(f"name={ALLOWED}".encode())
    sock.close()


async def test_a_goodbye_in_the_same_packet_as_the_end_of_the_handshake_is_no_warning(
    port: int, good: ssl.SSLContext, listener: list[TcpListener], caplog: pytest.LogCaptureFixture
) -> None:
    before = descriptors()
    sock, client = await silent(port), Handshake(good)
    await up_to_finished(sock, client)
    with contextlib.suppress(ssl.SSLWantReadError):
        client.tls.unwrap()
    await asyncio.get_running_loop().sock_sendall(sock, client.out())
    while await asyncio.get_running_loop().sock_recv(sock, 65536):
        pass
    sock.close()
    await until(lambda: listener[-1].half_open == 0)
    await until(lambda: descriptors() <= before)
    assert [one.getMessage() for one in caplog.records if one.levelno > logging.INFO] == []


async def test_a_big_body_by_tls_is_held_back_and_not_heaped_up(port: int, good: ssl.SSLContext) -> None:
    """The reader stops TLS, not the socket below it: else bytes that were decrypted already would heap up or hang."""
    body = bytes(2_000_000)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=good)
    writer.write(b"POST /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
    async with asyncio.timeout(20):
        for at in range(0, len(body), 65536):
            writer.write(body[at : at + 65536])
            await writer.drain()
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
    writer.close()


def test_a_network_of_ipv6_is_one_holder() -> None:
    def of(address: str) -> str:
        return tcp_listener._holder(socket.AF_INET6, (address, 1, 0, 0))

    assert of("2001:db8:1:2::1") == of("2001:db8:1:2:ffff::7") == "2001:db8:1:2::/64"
    assert of("2001:db8:1:3::1") != of("2001:db8:1:2::1")
    assert of("fe80::1%eth0") == "fe80::/64"
    assert tcp_listener._holder(socket.AF_INET, ("192.0.2.7", 1)) == "192.0.2.7"
