"""What a slow, greedy, confused or hostile client gets: an answer or a closed connection, and nobody else notices."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import stat
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgelet.adapters.local_api.limits import ServerLimits
from edgelet.adapters.local_api.server import LocalApiServer
from edgelet.api.errors import EdgeletError
from edgelet.ports.local_api import Answer, Request, Response, Streaming
from tests.flow.local_api.board import Board, curl, pod, serving
from tests.flow.local_api.client import connected

QUICK = ServerLimits(
    connections=4,
    body_bytes=10_000,
    header_timeout_s=0.2,
    body_timeout_s=0.2,
    idle_timeout_s=0.3,
    handler_timeout_s=0.3,
    write_timeout_s=0.3,
)
PODS = "/api/v1/namespaces/default/pods"


@pytest.fixture
async def strict(directory: Path) -> AsyncGenerator[Board, None]:
    async with serving(directory, QUICK) as made:
        yield made


async def test_a_request_that_drips_is_cut_off(strict: Board) -> None:
    async def drip() -> None:
        async with connected(strict) as client:
            for byte in b"GET /healthz HTTP/1.1\r\nX-Slow: " + b"a" * 200:
                await client.send(bytes([byte]))
                await asyncio.sleep(0.02)

    with pytest.raises(ConnectionError):
        await asyncio.wait_for(drip(), 2)
    assert (await curl(strict, "/healthz")).code == 200


async def test_a_body_that_never_comes_is_given_up(strict: Board) -> None:
    async with connected(strict) as client:
        await client.send(f"POST {PODS} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n".encode())
        assert await client.rest(2) == b""


async def test_an_idle_connection_is_closed(strict: Board) -> None:
    async with connected(strict) as client:
        assert await client.rest(2) == b""


async def test_a_body_over_the_bound_is_refused_before_it_is_read(strict: Board) -> None:
    async with connected(strict) as client:
        await client.send(
            f"POST {PODS} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10001\r\n\r\n".encode()
        )
        code, headers, body = await client.response()
    assert (code, headers["connection"], json.loads(body)["reason"]) == (413, "close", "RequestEntityTooLarge")


async def test_a_chunked_body_is_taken_and_bounded(strict: Board) -> None:
    small = json.dumps(pod("web"))
    chunked = ("-H", "Transfer-Encoding: chunked", "-H", "Content-Type: application/json")
    taken = await curl(strict, PODS, *chunked, "-d", small)
    refused = await curl(strict, PODS, *chunked, "-d", small + " " * 20_000)
    assert (taken.code, refused.code) == (201, 413)


async def test_a_client_that_waits_to_be_told_to_go_on_is_told(strict: Board) -> None:
    reply = await curl(
        strict, PODS, "-H", "Expect: 100-continue", "-H", "Content-Type: application/json", "-d", json.dumps(pod())
    )
    assert reply.code == 201


async def test_headers_over_the_bound_are_refused(board: Board) -> None:
    async with connected(board) as client:
        await client.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 140_000)
        code, _, body = await client.response()
    assert (code, json.loads(body)["code"]) == (431, 431)


async def test_clients_over_the_bound_are_told_to_come_again(strict: Board) -> None:
    async with connected(strict), connected(strict), connected(strict), connected(strict):
        reply = await curl(strict, "/healthz")
    assert (reply.code, reply.header("retry-after"), reply.document["code"]) == (503, "1", 503)


async def test_requests_that_come_at_once_are_answered_in_order(board: Board) -> None:
    async with connected(board) as client:
        await client.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 2 + b"GET /version HTTP/1.0\r\n\r\n")
        assert (await client.response())[2] == b"ok"
        assert (await client.response())[2] == b"ok"
        assert b"edgelet-0.1.0" in await client.rest()


async def test_a_client_that_only_stopped_sending_still_gets_its_stream(board: Board) -> None:
    async with connected(board) as client:
        await client.send(f"GET {PODS}?watch=1&timeoutSeconds=5 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        client.writer.write_eof()
        await client.head()
        await board.put_pod("web")
        assert (await client.event())["type"] == "ADDED"


async def respond(directory: Path, handler: object) -> bytes:
    server = LocalApiServer(handler, path=directory / "h.sock", group="", limits=QUICK)  # type: ignore[arg-type]
    server.open()
    task = asyncio.create_task(server.serve())
    reader, writer = await asyncio.open_unix_connection(directory / "h.sock")
    writer.write(b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    async with asyncio.timeout(3):
        said = await reader.read()
    writer.close()
    task.cancel()
    await asyncio.wait([task])
    return said


async def test_a_handler_that_fails_is_an_internal_error_and_a_log_line(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(request: Request) -> Answer:
        raise ValueError(request.path)

    said = await respond(directory, fails)
    assert said.startswith(b"HTTP/1.1 500")
    assert b'"reason":"InternalError"' in said
    assert "a request failed" in caplog.text


async def test_a_handler_that_hangs_is_given_up(directory: Path) -> None:
    async def hangs(request: Request) -> Answer:
        await asyncio.sleep(60)
        return Response(200, request.path.encode())

    assert (await respond(directory, hangs)).startswith(b"HTTP/1.1 504")


async def test_a_stream_that_fails_ends_without_its_last_chunk(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    closed = []

    async def chunks() -> AsyncGenerator[bytes, None]:
        try:
            yield b"one"
            raise ValueError("no more")
        finally:
            closed.append(True)

    async def streams(_: Request) -> Answer:
        return Streaming(chunks())

    said = await respond(directory, streams)
    assert said.startswith(b"HTTP/1.1 200")
    assert not said.endswith(b"0\r\n\r\n")
    assert closed == [True]
    assert "a stream failed" in caplog.text


@pytest.mark.parametrize("turns", range(10))
async def test_a_client_that_comes_while_the_server_stops_is_let_go(board: Board, turns: int) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(board.path))
        client.settimeout(5)
        for _ in range(turns):  # of the loop, until the server is told to stop
            await asyncio.sleep(0)
        await board.stop()
        with contextlib.suppress(ConnectionError):
            assert await asyncio.to_thread(client.recv, 1) == b""


async def test_the_socket_has_its_rights_and_goes_with_the_server(directory: Path) -> None:
    async with serving(directory) as board:
        mode = board.path.stat().st_mode
        assert (stat.S_ISSOCK(mode), stat.S_IMODE(mode)) == (True, 0o660)
        assert (await curl(board, "/healthz")).code == 200
    assert not board.path.exists()


@pytest.mark.parametrize("turns", range(6))
async def test_who_came_at_the_very_end_is_cut_too(board: Board, turns: int) -> None:
    clients = [socket.socket(socket.AF_UNIX) for _ in range(20)]
    for client in clients:
        client.connect(str(board.path))  # in the backlog: the server had no turn yet
        client.settimeout(0)
    for _ in range(turns):
        await asyncio.sleep(0)
    await board.stop()
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(5):
        for client in clients:
            try:
                assert await loop.sock_recv(client, 1) == b""
            except ConnectionResetError:
                pass
            finally:
                client.close()


async def test_a_live_socket_is_left_alone_and_a_dead_one_is_replaced(board: Board, directory: Path) -> None:
    second = LocalApiServer(never, path=board.path, group="")
    with pytest.raises(EdgeletError, match="another agent runs there"):
        second.open()
    assert (await curl(board, "/healthz")).code == 200
    dead = directory / "dead.sock"
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(os.fspath(dead))
    third = LocalApiServer(never, path=dead, group="no-such-group")
    third.open()
    third.close()
    third.close()
    assert not dead.exists()


async def test_a_file_in_the_way_is_never_removed(directory: Path) -> None:
    path = directory / "file"
    path.write_text("precious")
    with pytest.raises(EdgeletError, match="is no socket"):
        LocalApiServer(never, path=path, group="").open()
    with pytest.raises(EdgeletError, match="longer than 107 bytes"):
        LocalApiServer(never, path=directory / ("x" * 120), group="").open()
    assert path.read_text() == "precious"


async def test_a_socket_that_another_agent_made_since_is_not_removed(directory: Path) -> None:
    path = directory / "s"
    first = LocalApiServer(never, path=path, group="")
    first.open()
    path.unlink()
    second = LocalApiServer(never, path=path, group="")
    second.open()
    first.close()
    assert path.exists()
    second.close()


async def test_changes_are_logged_with_who_made_them(board: Board, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        await curl(board, PODS, "-H", "Content-Type: application/json", "-d", json.dumps(pod()))
    record = next(record for record in caplog.records if record.message == "changed by the local API")
    assert f"uid={os.getuid()} gid={os.getgid()} pid=" in record.__dict__["peer"]


async def never(request: Request) -> Answer:
    raise AssertionError(request.path)


LINES = st.sampled_from(
    [
        b"GET / HTTP/1.1\r\n",
        b"POST /api/v1/namespaces/default/pods HTTP/1.1\r\n",
        b"DELETE /api/v1/namespaces/default/pods HTTP/1.1\r\n",
        b"GET /api/v1/pods?watch=1 HTTP/1.1\r\n",
        b"GET /api/v1/namespaces/default/pods/web/exec?command=x&stdin=1 HTTP/1.1\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n",
        b"Host: x\r\n",
        b"Content-Length: 3\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 99999999999999999999999\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip\r\n",
        b"Expect: 100-continue\r\n",
        b"Upgrade: websocket\r\n",
        b"Connection: Upgrade\r\n",
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
        b"Sec-WebSocket-Version: 13\r\n",
        b"Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n",
        b"\r\n",
        b"3\r\nabc\r\n0\r\n\r\n",
        b"abc",
        b"\x82\x85",
        b"\x00",
        b" ",
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(LINES | st.binary(max_size=40), max_size=12))
def test_any_bytes_get_an_answer_or_a_closed_connection(pieces: list[bytes], directory: Path) -> None:
    async def provoke() -> bytes:
        async with serving(directory, QUICK) as board:
            await board.put_pod("web")
            async with connected(board) as client:
                try:
                    await client.send(b"".join(pieces))
                    client.writer.write_eof()
                    said = await client.rest(3)
                except ConnectionError:
                    said = b""
                except TimeoutError:
                    said = await client.reader.read(100_000)  # a watch that stands
            assert (await curl(board, "/healthz")).code == 200
            return said

    said = asyncio.run(provoke())
    assert said == b"" or said.startswith(b"HTTP/1.1 ")
    assert b"InternalError" not in said
