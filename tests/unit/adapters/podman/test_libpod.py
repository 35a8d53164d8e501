"""The REST client against a socket that says what a test wants."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.adapters.podman import libpod as libpod_module
from edgelet.adapters.podman.engine import Engine
from edgelet.adapters.podman.errors import LibpodError
from edgelet.adapters.podman.libpod import Libpod
from edgelet.api.errors import EngineError


class Service:
    """Reads one request a connection, keeps it, sends the bytes it was given, closes."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.answer = b""
        self.close_before_reading = False
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.heard = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.close_before_reading:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
            self.requests.append(head + await reader.readexactly(length))
            self.heard.set()
            await self.may_answer.wait()
        writer.write(self.answer)
        writer.close()


def answer(status: int, body: bytes, *more: str) -> bytes:
    head = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *more, "", ""]
    return "\r\n".join(head).encode() + body


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    service = Service()
    server = await asyncio.start_unix_server(service.serve, tmp_path / "s.sock")
    yield service
    server.close()
    await server.wait_closed()


@pytest.fixture
def libpod(service: Service, tmp_path: Path) -> Libpod:
    assert service is not None
    return Libpod(Engine(socket_path=tmp_path / "s.sock", program=None), response_limit_bytes=10_000)


async def test_a_call_carries_method_path_query_and_json(service: Service, libpod: Libpod) -> None:
    service.answer = answer(201, b'{"Id": "abc"}')
    reply = await libpod.call(
        "POST", "/containers/create", query={"name": "a b", "label": ["x=1", "y"]}, body={"image": "web"}
    )
    assert (reply.status, reply.json()) == (201, {"Id": "abc"})
    head, _, body = service.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v4.0.0/libpod/containers/create?name=a+b&label=x%3D1&label=y HTTP/1.1\r\n")
    assert b"connection: close" in head.lower()
    assert body == b'{"image": "web"}'


@pytest.mark.parametrize("status", [200, 201, 204, 304])
async def test_these_are_successes_and_no_body_is_none(service: Service, libpod: Libpod, status: int) -> None:
    service.answer = f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode()
    reply = await libpod.call("POST", "/x")
    assert (reply.status, reply.json()) == (status, None)


@pytest.mark.parametrize(("method", "waits"), [("GET", False), ("POST", True), ("DELETE", True)])
async def test_what_changes_something_is_not_broken_off_once_it_is_sent(
    service: Service, libpod: Libpod, method: str, waits: bool
) -> None:
    service.answer = answer(200, b"{}")
    service.may_answer.clear()
    caller = asyncio.create_task(libpod.call(method, "/x"))
    await service.heard.wait()
    caller.cancel()
    await asyncio.sleep(0.02)
    assert caller.done() != waits
    service.may_answer.set()
    with pytest.raises(asyncio.CancelledError):
        await caller


async def test_a_refusal_carries_libpods_words(service: Service, libpod: Libpod) -> None:
    service.answer = answer(404, b'{"cause":"no such container","message":"outer: no such container","response":404}')
    with pytest.raises(LibpodError) as caught:
        await libpod.call("GET", "/x")
    error = caught.value
    assert (error.status, error.cause, error.message) == (404, "no such container", "outer: no such container")
    assert len(service.requests) == 1, "a refusal is an answer: it is not asked for again"


@pytest.mark.parametrize("body", [b"plain words", b"[1]", b"", b'{"cause": null}', b"\xff\xfe"])
async def test_a_refusal_of_another_form_is_still_one(service: Service, libpod: Libpod, body: bytes) -> None:
    service.answer = answer(500, body)
    with pytest.raises(LibpodError) as caught:
        await libpod.call("GET", "/x")
    assert caught.value.status == 500
    assert caught.value.message


async def test_other_statuses_can_be_asked_for(service: Service, libpod: Libpod) -> None:
    service.answer = answer(404, b"{}")
    assert (await libpod.call("GET", "/x", ok=frozenset({404}))).status == 404


async def test_a_chunked_body_is_read_and_bounded(service: Service, libpod: Libpod) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    service.answer = head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    assert (await libpod.call("GET", "/x")).body == b"abcde"
    service.answer = head + b"2711\r\n" + b"x" * 10_001 + b"\r\n0\r\n\r\n"
    with pytest.raises(EngineError, match="larger than 10000 bytes"):
        await libpod.call("GET", "/x")


# What the outside can do to a call, and what comes of it: nothing but these two errors leaves the client.
BROKEN = {
    "closed without a word": b"",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
    "half a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    "a bad length": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
    "an endless head": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000,
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_broken_answer_is_an_engine_that_is_unavailable(
    service: Service, libpod: Libpod, name: str, method: str
) -> None:
    service.answer = BROKEN[name]
    with pytest.raises(EngineError) as caught:
        await libpod.call(method, "/x")
    assert caught.value.reason == "EngineUnavailable"
    assert caught.value.retry_after is not None
    assert len(service.requests) == (2 if method == "GET" else 1)


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_stream_is_an_engine_that_is_unavailable(service: Service, libpod: Libpod, name: str) -> None:
    service.answer = BROKEN[name]
    with pytest.raises(EngineError) as caught:
        [line async for line in libpod.lines("POST", "/x")]
    assert caught.value.reason == "EngineUnavailable"


@pytest.mark.parametrize("body", [b"no json\n", b"[1]\n", b'{"a": 1}\n{"b"', b"\xff\n"])
async def test_a_line_that_is_no_json_object_is_refused(service: Service, libpod: Libpod, body: bytes) -> None:
    service.answer = answer(200, body)
    with pytest.raises(LibpodError, match="JSON"):
        [line async for line in libpod.lines("POST", "/x")]


async def test_an_answer_that_is_no_json_is_refused_when_read(service: Service, libpod: Libpod) -> None:
    service.answer = answer(200, b"OK")
    reply = await libpod.call("GET", "/x")
    with pytest.raises(LibpodError, match="JSON"):
        reply.json()


async def test_a_request_that_http_forbids_is_refused_before_it_is_sent(service: Service, libpod: Libpod) -> None:
    with pytest.raises(LibpodError, match="cannot be sent"):
        await libpod.call("GET", "/x", headers={"X-Bad": "a\r\nb"})
    assert service.requests == []


async def test_an_early_refusal_is_heard_though_the_body_was_not_read(service: Service, libpod: Libpod) -> None:
    service.close_before_reading = True
    service.answer = answer(500, b'{"cause":"too much","message":"too much"}')
    with pytest.raises((LibpodError, EngineError)):
        await libpod.call("POST", "/x", body="x" * 5_000_000)


CONNECT_ERRORS: dict[str, Callable[[Path], object]] = {
    "nothing there": lambda _: None,
    "no socket": lambda path: path.write_text(""),
    "a folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("name", CONNECT_ERRORS)
async def test_a_socket_that_cannot_be_reached_is_unavailable(tmp_path: Path, name: str) -> None:
    path = tmp_path / "none.sock"
    CONNECT_ERRORS[name](path)
    with pytest.raises(EngineError) as caught:
        await Libpod(Engine(socket_path=path, program=None)).call("GET", "/x")
    assert caught.value.reason == "EngineUnavailable"


def _system_errors() -> set[type[OSError]]:
    return {type(OSError(number, os.strerror(number))) for number in errno.errorcode}


@pytest.mark.parametrize("kind", sorted(_system_errors(), key=str))
async def test_every_error_of_the_system_is_translated(
    service: Service, libpod: Libpod, kind: type[OSError], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_reader: asyncio.StreamReader, _size: int) -> bytes:
        raise kind(errno.EIO, "the disk is gone")

    assert service is not None
    # Only the client reads by `read`; the service by `readuntil`.
    monkeypatch.setattr(asyncio.StreamReader, "read", fail)
    with pytest.raises(EngineError) as caught:
        await libpod.call("GET", "/x")
    assert caught.value.reason == "EngineUnavailable"


def test_every_error_of_the_http_library_is_known_here() -> None:
    kinds = {kind for kind in vars(h11).values() if isinstance(kind, type) and issubclass(kind, Exception)}
    assert kinds == {h11.ProtocolError, h11.LocalProtocolError, h11.RemoteProtocolError}


async def test_lines_come_as_they_are_sent_however_they_are_cut(service: Service, libpod: Libpod) -> None:
    service.answer = (
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n8\r\n 1}\n\n{"b\r\n5\r\n": 2}\r\n0\r\n\r\n'
    )
    assert [line async for line in libpod.lines("POST", "/x")] == [{"a": 1}, {"b": 2}]


async def test_a_refused_stream_is_a_refusal(service: Service, libpod: Libpod) -> None:
    service.answer = answer(400, b'{"cause":"bad","message":"bad parameter"}')
    with pytest.raises(LibpodError, match="bad parameter"):
        [line async for line in libpod.lines("POST", "/x")]


@given(st.text(st.characters(codec="utf-8")))
def test_any_path_makes_a_target_that_http_allows(text: str) -> None:
    target = libpod_module._request("GET", f"/images/{text}/json", None, None, None).target
    assert target.isascii()
    assert not set(target) & set(" \r\n?#")
    h11.Request(method="GET", target=target, headers=[("Host", "x")])
