"""Port-forward over a raw WebSocket: Kubernetes' channels, and our end of one direction."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from edgelet.api.errors import EngineError
from tests.fakes.pod_streams import FakeConnection
from tests.flow.local_api.board import Board, curl, running
from tests.flow.local_api.websocket import V4, V5, Socket, upgraded

FORWARD = "/api/v1/namespaces/default/pods/web/portforward"


def echo(board: Board, *ports: int) -> dict[int, FakeConnection]:
    """Have servers that give back what they are sent."""
    made = {port: FakeConnection() for port in ports}
    for port, connection in made.items():
        board.runtime.ports[port] = lambda connection=connection: connection  # type: ignore[misc]
    return made


async def closed(connection: FakeConnection) -> None:
    async with asyncio.timeout(5):
        while not connection.closed:
            await asyncio.sleep(0.01)


async def test_channels_name_their_port_and_carry_both_ways(board: Board) -> None:
    await board.put_pod("web", status=running())
    connections = echo(board, 80, 8080)
    async with upgraded(board, f"{FORWARD}?ports=80,8080", V4) as socket:
        opening = [await socket.message() for _ in range(4)]
        assert opening == [b"\x00\x50\x00", b"\x01\x50\x00", b"\x02\x90\x1f", b"\x03\x90\x1f"]
        await socket.say(b"\x02there")
        assert await socket.message() == b"\x02there"
        await socket.say(b"\x00here")
        assert await socket.message() == b"\x00here"
    for connection in connections.values():
        await closed(connection)


async def test_the_end_of_one_direction_leaves_the_other(board: Board) -> None:
    await board.put_pod("web", status=running())
    connection = echo(board, 80)[80]
    async with upgraded(board, f"{FORWARD}?ports=80") as socket:
        await opened(socket)
        await socket.say(b"\x00first")
        await socket.say(b"\xff\x00")
        assert await socket.messages() == [b"\x00first", b"\xff\x00"]
    await closed(connection)


async def test_with_v4_the_pods_end_is_the_end(board: Board) -> None:
    await board.put_pod("web", status=running())
    connection = echo(board, 80)[80]
    async with upgraded(board, f"{FORWARD}?ports=80", V4) as socket:
        await opened(socket)
        connection.end()
        assert await socket.messages() == []


async def test_who_still_speaks_is_heard_after_the_pods_end(board: Board) -> None:
    await board.put_pod("web", status=running())
    connection = echo(board, 80)[80]
    async with upgraded(board, f"{FORWARD}?ports=80") as socket:
        await opened(socket)
        connection.end()
        assert await socket.message() == b"\xff\x00"
        await socket.say(b"\x00late")
        await socket.say(b"\xff\x00")
        assert await socket.messages() == []
    assert await connection.receive() == b"late"


async def test_a_port_nobody_listens_on_is_told_and_the_others_go_on(board: Board) -> None:
    made = await board.put_pod("web", status=running())
    echo(board, 80)
    async with upgraded(board, f"{FORWARD}?ports=81&ports=80") as socket:
        said = [await socket.message() for _ in range(5)]
        error = next(one for one in said if len(one) > 3)
        assert error.startswith(f"\x01error forwarding port 81 to pod {made.uid}, uid : failed to connect".encode())
        assert b"connection refused" in error
        await socket.say(b"\x00into the void")
        await socket.say(b"\x02here")
        assert await socket.message() == b"\x02here"


async def test_a_connection_that_breaks_is_told(board: Board) -> None:
    class Broken(FakeConnection):
        async def receive(self) -> bytes:
            raise EngineError("PortForwardError", "read: connection reset by peer")

    await board.put_pod("web", status=running())
    board.runtime.ports[80] = Broken
    async with upgraded(board, f"{FORWARD}?ports=80") as socket:
        assert (await socket.messages())[-1].endswith(b"read: connection reset by peer")


@pytest.mark.parametrize("subprotocol", [V4, V5])
async def test_a_client_that_goes_closes_its_connections(board: Board, subprotocol: str) -> None:
    await board.put_pod("web", status=running())
    connection = echo(board, 80)[80]
    async with upgraded(board, f"{FORWARD}?ports=80", subprotocol) as socket:
        await opened(socket)
        socket.client.writer.transport.abort()
        await closed(connection)


async def test_a_client_that_does_not_read_stops_the_pod(board: Board) -> None:
    class Flood(FakeConnection):
        given = 0

        async def receive(self) -> bytes:
            await asyncio.sleep(0)
            Flood.given += 1
            return b"x" * 65536

    await board.put_pod("web", status=running())
    board.runtime.ports[80] = Flood
    async with upgraded(board, f"{FORWARD}?ports=80"):
        before = -1
        while Flood.given != before:
            before = Flood.given
            await asyncio.sleep(0.2)
        assert before < 100  # what fits into the buffers between


async def opened(socket: Socket) -> None:
    assert [await socket.message() for _ in range(2)] == [b"\x00\x50\x00", b"\x01\x50\x00"]


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("ports=80", running(), "upgrade request required"),
        ("", running(), 'query parameter "ports" is required'),
        ("ports=http", running(), 'unable to parse "http" as a port'),
        ("ports=0", running(), 'port "0" must be > 0'),
        ("ports=65536", running(), 'unable to parse "65536" as a port'),
        ("ports=" + "9" * 5000, running(), 'unable to parse "99999999999999999999" as a port'),
        ("ports=" + ",".join(["80"] * 17), running(), "17 ports are too many"),
        ("ports=80", {"phase": "Succeeded"}, "pod is not running. Current status=Succeeded"),
        ("ports=80", {}, "pod is not running. Current status=Pending"),
    ],
)
async def test_a_forward_that_cannot_be_is_refused(
    board: Board, query: str, status: dict[str, Any], message: str
) -> None:
    await board.put_pod("web", status=status)
    reply = await curl(board, f"{FORWARD}?{query}")
    assert (reply.code, reply.document["reason"]) == (400, "BadRequest")
    assert message in reply.document["message"]
