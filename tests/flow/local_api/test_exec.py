"""Exec over a raw WebSocket: what kubectl cannot be made to do."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from wsproto.events import CloseConnection, Ping, Pong

from tests.flow.local_api.board import Board, Session, curl, running
from tests.flow.local_api.client import connected
from tests.flow.local_api.websocket import V4, V5, Socket

EXEC = "/api/v1/namespaces/default/pods/web/exec"


@asynccontextmanager
async def entered(board: Board, query: str, subprotocols: tuple[str, ...] = (V5, V4)) -> AsyncIterator[Socket]:
    await board.put_pod("web", status=running())
    async with connected(board) as client:
        made = Socket(client, target=f"{EXEC}?{query}", subprotocols=list(subprotocols))
        assert await made.open() == subprotocols[0]
        yield made


async def test_output_and_exit_code_come_on_their_channels(board: Board) -> None:
    board.runtime.scripts["sh"] = Session([(1, b"out"), (2, b"err")], code=0)
    async with entered(board, "command=sh&command=-c&command=a%20b&stdout=1&stderr=1", (V4,)) as socket:
        *said, last = await socket.messages()
    assert [one for one in said if len(one) > 1] == [b"\x01out", b"\x02err"]
    assert json.loads(last[1:]) == {"metadata": {}, "status": "Success"}
    assert board.runtime.asked[0][1] == ("sh", "-c", "a b")


async def test_a_stream_that_was_not_asked_for_is_not_sent(board: Board) -> None:
    board.runtime.scripts["sh"] = Session([(1, b"out"), (2, b"err")], code=4)
    async with entered(board, "command=sh&stderr=true") as socket:
        *said, last = await socket.messages()
    assert [one for one in said if len(one) > 1] == [b"\x02err"]
    assert json.loads(last[1:])["details"]["causes"] == [{"reason": "ExitCode", "message": "4"}]


async def test_a_terminal_is_resized_and_pings_are_answered(board: Board) -> None:
    session = board.runtime.scripts["sh"] = Session([], code=None)
    async with entered(board, "command=sh&stdin=1&stdout=1&tty=1") as socket:
        await socket.say(b'\x04{"Width":100,"Height":30}')
        await socket.client.send(socket.ws.send(Ping(payload=b"you there")))
        while not isinstance(event := await socket.event(), Pong):
            pass
        assert event.payload == b"you there"
        assert session.sizes == [(100, 30)]
        await socket.say(b"\xff\x00")
        await socket.messages()
    assert board.runtime.asked[0][2:] == (True, True)


@pytest.mark.parametrize("politely", [True, False])
async def test_a_client_that_goes_ends_its_process(board: Board, politely: bool) -> None:
    session = board.runtime.scripts["sh"] = Session([], code=None)
    async with entered(board, "command=sh&stdin=1&stdout=1") as socket:
        if politely:
            await socket.client.send(socket.ws.send(CloseConnection(code=1000)))
        else:
            socket.client.writer.transport.abort()
        async with asyncio.timeout(3):
            await session.killed.wait()


async def test_a_client_that_does_not_read_stops_the_process_and_its_end_is_seen(board: Board) -> None:
    session = board.runtime.scripts["yes"] = Session([(1, b"y" * 16384)] * 1000, code=None)
    async with entered(board, "command=yes&stdout=1") as socket:
        before = -1
        while session.said != before:
            before = session.said
            await asyncio.sleep(0.1)
        assert session.said < 200  # what fits into the buffers between, not the whole 16 MB
        socket.client.writer.transport.abort()
        async with asyncio.timeout(3):
            await session.killed.wait()


async def test_a_process_that_does_not_read_stops_the_client_and_the_clients_end_is_seen(board: Board) -> None:
    session = Stuck([], code=None)
    board.runtime.scripts["sleep"] = session
    async with entered(board, "command=sleep&stdin=1&stdout=1") as socket:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(flood(socket), 0.5)
        socket.client.writer.transport.abort()
        async with asyncio.timeout(3):
            await session.killed.wait()


class Stuck(Session):
    async def write(self, data: bytes) -> None:
        await self.killed.wait()
        self.heard += data


async def flood(socket: Socket) -> None:
    while True:
        await socket.say(b"\x00" + b"x" * 65536)


async def test_a_message_without_end_closes_the_channel(board: Board) -> None:
    session = board.runtime.scripts["sh"] = Session([], code=None)
    async with entered(board, "command=sh&stdin=1") as socket:
        with suppress(ConnectionError):  # it may be closed before all of it was taken
            await socket.say(b"\x00" + b"x" * 2_000_000)
        async with asyncio.timeout(3):
            await session.killed.wait()


async def test_what_the_engine_refuses_comes_on_the_error_channel(board: Board) -> None:
    async with entered(board, "command=nope&stdout=1") as socket:
        last = (await socket.messages())[-1]
    assert (last[0], json.loads(last[1:])["message"]) == (3, "exec: nope: not found")


@pytest.mark.parametrize(
    ("query", "arguments", "code", "message"),
    [
        ("command=sh&stdout=1", (), 400, "upgrade request required"),
        ("stdout=1", (), 400, "at least one command"),
        ("command=sh", (), 400, "at least 1 of stdin, stdout, stderr"),
        ("command=sh&stdout=1&container=x", (), 400, "container x is not valid for pod web"),
        ("command=sh&stdout=1", ("-X", "POST", "-H", "Upgrade: SPDY/3.1", "-H", "Connection: Upgrade"), 400, "SPDY"),
    ],
)
async def test_an_exec_that_cannot_be_is_refused_before_the_upgrade(
    board: Board, query: str, arguments: tuple[str, ...], code: int, message: str
) -> None:
    await board.put_pod("web", status=running())
    reply = await curl(board, f"{EXEC}?{query}", *arguments)
    assert (reply.code, reply.document["kind"]) == (code, "Status")
    assert message in reply.document["message"]


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("Sec-WebSocket-Version: 8", 426),
        ("Sec-WebSocket-Key: short", 400),
        ("Sec-WebSocket-Protocol: chat", 400),
    ],
)
async def test_a_bad_handshake_is_refused(board: Board, header: str, code: int) -> None:
    await board.put_pod("web", status=running())
    good = {
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Protocol": V5,
    }
    name, _, value = header.partition(": ")
    lines = [f"{key}: {text}" for key, text in {**good, name: value}.items()]
    async with connected(board) as client:
        head = f"GET {EXEC}?command=sh&stdout=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        await client.send((head + "\r\n".join(lines) + "\r\n\r\n").encode())
        assert (await client.head())[0] == code
    assert board.runtime.asked == []
