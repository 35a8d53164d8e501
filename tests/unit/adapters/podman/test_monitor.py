"""Leaving conmon's attach socket: the other end here is a socket that does what conmon does."""

from __future__ import annotations

import asyncio
import socket

import pytest

from edgelet.adapters.podman import monitor


@pytest.fixture
def ends() -> tuple[socket.socket, socket.socket]:
    """The client's end, and conmon's."""
    client, server = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client.setblocking(False)
    server.setblocking(False)
    return client, server


async def test_conmon_hears_of_the_end_before_the_client_is_gone(ends: tuple[socket.socket, socket.socket]) -> None:
    client, server = ends
    leaving = asyncio.create_task(monitor.let_go(client))
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(10):
        for _ in range(2000):  # more than any buffer holds: output is taken meanwhile
            await loop.sock_sendall(server, b"\x01" + b"o" * 8000)
        assert await loop.sock_recv(server, 100) == b""  # a packet: the connection still stands
        await loop.sock_sendall(server, b"\x01more")
        assert not leaving.done()
        server.shutdown(socket.SHUT_RD)
        await leaving
    assert client.fileno() == -1
    server.close()


async def test_a_conmon_that_is_gone_or_stands_still_is_left_all_the_same(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, server = ends
    monkeypatch.setattr(monitor, "_LEAVE_S", 0.1)
    await monitor.let_go(client)
    server.close()
    assert client.fileno() == -1
    other, gone = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    other.setblocking(False)
    gone.close()
    await monitor.let_go(other)
    assert other.fileno() == -1


async def test_a_client_whose_leaving_is_broken_off_is_gone(ends: tuple[socket.socket, socket.socket]) -> None:
    client, server = ends
    leaving = asyncio.create_task(monitor.let_go(client))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    assert client.fileno() == -1
    server.close()
