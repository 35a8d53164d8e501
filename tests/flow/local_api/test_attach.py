"""Attach over a raw WebSocket."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.fakes.pod_streams import FakeMain
from tests.flow.local_api.board import Board, curl, running
from tests.flow.local_api.websocket import V4, Socket, upgraded

ATTACH = "/api/v1/namespaces/default/pods/web/attach"
SUCCESS = {"metadata": {}, "status": "Success"}


async def put(board: Board, **container: Any) -> FakeMain:
    """A pod whose container is that, and its main process."""
    spec = {"containers": [{"name": "app", "image": "busybox", **container}]}
    await board.put_pod("web", spec=spec, status=running())
    main = board.runtime.mains["c0ffee"] = FakeMain(stdin=bool(container.get("stdin")))
    return main


async def hears(socket: Socket, words: bytes) -> None:
    """Read until these came on standard output."""
    said = b""
    while words not in said:
        message = await socket.message()
        assert message[0] == 1
        said += message[1:]


async def detached(board: Board) -> None:
    async with asyncio.timeout(5):
        while board.runtime.attached[-1] in board.runtime.mains["c0ffee"].sessions:
            await asyncio.sleep(0.01)


async def test_output_comes_from_now_on_and_the_end_with_a_status(board: Board) -> None:
    main = await put(board)
    main.say(b"before\n")
    async with upgraded(board, f"{ATTACH}?stdout=1&stderr=1") as socket:
        assert await socket.message() == b"\x01"
        main.say(b"now\n")
        assert await socket.message() == b"\x01now\n"
        main.end()
        (last,) = await socket.messages()
    assert (last[0], json.loads(last[1:])) == (3, SUCCESS)
    await detached(board)


async def test_the_end_of_input_lets_go_and_the_process_keeps_its_own(board: Board) -> None:
    main = await put(board, stdin=True)
    async with upgraded(board, f"{ATTACH}?stdin=1&stdout=1") as socket:
        await socket.say(b"\x00one\n")
        await hears(socket, b"got one\n")
        await socket.say(b"\xff\x00")
        last = (await socket.messages())[-1]
    assert (last[0], json.loads(last[1:])) == (3, SUCCESS)
    await detached(board)
    assert main.stdin_open


async def test_with_stdin_once_the_end_of_input_is_the_processs_and_output_goes_on(board: Board) -> None:
    main = await put(board, stdin=True, stdinOnce=True)
    async with upgraded(board, f"{ATTACH}?stdin=1&stdout=1") as socket:
        await socket.say(b"\x00one\n")
        await socket.say(b"\xff\x00")
        await hears(socket, b"end\n")
        assert not main.stdin_open
        main.say(b"still here\n")
        await hears(socket, b"still here\n")


@pytest.mark.parametrize(("query", "closed"), [("stdin=1&stdout=1", True), ("stdout=1", False)])
async def test_with_stdin_once_the_first_client_that_had_the_input_ends_it_by_leaving(
    board: Board, query: str, closed: bool
) -> None:
    main = await put(board, stdin=True, stdinOnce=True)
    async with upgraded(board, f"{ATTACH}?{query}") as socket:
        assert await socket.message() == b"\x01"
        socket.client.writer.transport.abort()
        await detached(board)
    assert main.stdin_open is not closed


async def test_a_terminal_is_the_containers_matter(board: Board) -> None:
    main = await put(board, stdin=True, tty=True, stdinOnce=True)
    async with upgraded(board, f"{ATTACH}?stdin=1&stdout=1&stderr=1&tty=false") as socket:
        await socket.say(b'\x04{"Width":100,"Height":30}')
        await socket.say(b"\x00one\n")
        await hears(socket, b"got one\n")
        assert board.runtime.attached[-1].sizes == [(100, 30)]
    await detached(board)
    assert main.stdin_open, "a terminal's end of input would end its reader"


async def test_input_for_a_container_without_one_is_dropped(board: Board) -> None:
    main = await put(board)
    async with upgraded(board, f"{ATTACH}?stdin=1&stdout=1", V4) as socket:
        await socket.say(b"\x00one\n")
        main.say(b"unmoved\n")
        await hears(socket, b"unmoved\n")


async def test_a_container_that_just_ended_is_told_on_the_error_channel(board: Board) -> None:
    await put(board)
    board.runtime.mains.clear()
    async with upgraded(board, f"{ATTACH}?stdout=1") as socket:
        last = (await socket.messages())[-1]
    assert (last[0], json.loads(last[1:])["message"]) == (3, "the container c0ffee is not running")


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("stdout=1", running(), "upgrade request required"),
        ("tty=1", running(), "at least 1 of stdin, stdout, stderr"),
        ("stdout=1&container=x", running(), "container x is not valid for pod web"),
        ("stdout=1", {"phase": "Pending"}, 'unable to upgrade connection: container not found ("app")'),
        ("stdout=1", {"phase": "Failed"}, "cannot attach a container in a completed pod; current phase is Failed"),
    ],
)
async def test_an_attach_that_cannot_be_is_refused(
    board: Board, query: str, status: dict[str, Any], message: str
) -> None:
    await board.put_pod("web", status=status)
    reply = await curl(board, f"{ATTACH}?{query}")
    assert (reply.code, reply.document["reason"]) == (400, "BadRequest")
    assert message in reply.document["message"]
