"""A client of libpod's REST API: one connection a call, bounded answers, errors with libpod's own words."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

import h11

from edgelet.adapters.podman.creations import Creations
from edgelet.adapters.podman.engine import Connection, Engine
from edgelet.adapters.podman.errors import RETRY_SOON, LibpodError
from edgelet.adapters.podman.uncut import uncut
from edgelet.api.errors import EngineError

API_PREFIX = "/v4.0.0/libpod"  # every 4.x and 5.x answers to it
SUCCESS = frozenset({HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
_CHUNK_BYTES = 65_536
_LINE_LIMIT_BYTES = 1_048_576

Query = Mapping[str, str | list[str]]


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Return the parsed body, None where there is none. Raises LibpodError if it is no JSON."""
        if not self.body:
            return None
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise LibpodError(self.status, "the answer is no JSON") from error


class _NoAnswerError(Exception):
    """The connection ended before the answer was complete."""


class Libpod:
    """Calls to one engine.

    Args:
        engine: Where connections come from.
        response_limit_bytes: An answer larger than that is refused, not swallowed.

    Attributes:
        creations: For whoever creates a container, and whoever removes by force what libpod does not know.
    """

    def __init__(self, engine: Engine, *, response_limit_bytes: int = 33_554_432) -> None:
        self._engine = engine
        self._limit = response_limit_bytes
        self.creations = Creations()

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: object | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 120.0,
        ok: frozenset[int] = SUCCESS,
    ) -> Reply:
        """Make one call; `body` is sent as JSON (bytes as they are). A GET that got no answer is made a second time.

        Anything else is not broken off once it is sent: libpod goes on whoever left, and a look that came too early
        would see nothing of it. A caller that is cancelled then is cancelled when the answer is there.

        Raises:
            LibpodError: An answer whose status is not in `ok`.
            EngineError: EngineUnavailable: no answer, or none in time. What was asked may have been done.
        """
        request = _request(method, path, query, body, headers)
        if method == "GET":
            with contextlib.suppress(_NoAnswerError):
                return await self._call_once(request, timeout_s, ok)
        try:
            return await self._call_once(request, timeout_s, ok)
        except _NoAnswerError as error:
            raise self._unavailable(method, path, str(error)) from error

    async def lines(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: object | None = None,
        headers: Mapping[str, str] | None = None,
        ok: frozenset[int] = SUCCESS,
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Give the JSON objects of a streamed answer as they come. Not counted among the calls in flight.

        Closing the iterator closes the connection, which cancels what libpod does. There is no timeout here: the caller
        knows what silence means.

        Raises:
            LibpodError: An answer whose status is not in `ok`, or a line that is no JSON.
            EngineError: EngineUnavailable: the stream was cut.
        """
        request = _request(method, path, query, body, headers)
        async with self._engine.connect(counted=False) as connection:
            exchange = _Exchange(connection, self._limit)
            try:
                status = await exchange.send(request)
                if status not in ok:
                    raise _refusal(status, await exchange.body())
                async for line in exchange.json_lines(status):
                    yield line
                self._engine.note_answer()
            except _NoAnswerError as error:
                raise self._unavailable(method, path, str(error)) from error

    async def _call_once(self, request: _Request, timeout_s: float, ok: frozenset[int]) -> Reply:
        async with self._engine.connect() as connection:
            answer = self._exchange(connection, request, timeout_s)
            reply = await (answer if request.method == "GET" else uncut(answer))
        if reply.status not in ok:
            raise _refusal(reply.status, reply.body)
        return reply

    async def _exchange(self, connection: Connection, request: _Request, timeout_s: float) -> Reply:
        try:
            async with asyncio.timeout(timeout_s):
                exchange = _Exchange(connection, self._limit)
                status = await exchange.send(request)
                reply = Reply(status, await exchange.body())
        except TimeoutError as error:
            self._engine.note_timeout()
            raise self._unavailable(request.method, request.path, f"no answer within {timeout_s:g} s") from error
        self._engine.note_answer()
        return reply

    def _unavailable(self, method: str, path: str, why: str) -> EngineError:
        words = self._engine.last_words()
        detail = f"{why}; podman's last words: {words}" if words else why
        return EngineError(
            "EngineUnavailable", f"podman did not answer {method} {path}: {detail}", retry_after=RETRY_SOON
        )


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def _request(
    method: str, path: str, query: Query | None, body: object | None, headers: Mapping[str, str] | None
) -> _Request:
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    target = API_PREFIX + quote(path, safe="/:@+~!$&'()*,;=") + (f"?{urlencode(query, doseq=True)}" if query else "")
    fixed = (
        ("Host", "libpod"),
        ("Connection", "close"),  # a kept connection would keep the service for 15 s
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(content))),
    )
    return _Request(method, path, target, (*fixed, *(headers or {}).items()), content)


class _Exchange:
    """One request and its answer on one connection."""

    def __init__(self, connection: Connection, limit_bytes: int) -> None:
        self._connection = connection
        self._http = h11.Connection(h11.CLIENT)
        self._limit = limit_bytes

    async def send(self, request: _Request) -> int:
        """Send all of it and return the status of the answer."""
        http = self._http
        try:
            head = h11.Request(method=request.method, target=request.target, headers=list(request.headers))
            parts = (http.send(head), http.send(h11.Data(request.body)), http.send(h11.EndOfMessage()))
        except h11.LocalProtocolError as error:
            raise LibpodError(HTTPStatus.BAD_REQUEST, f"the request cannot be sent: {error}") from error
        try:
            self._connection.writer.write(b"".join(part or b"" for part in parts))
            await self._connection.writer.drain()
        except OSError:
            pass  # the answer may be there all the same: a refusal that did not wait for the body
        while True:
            event = await self._next()
            if isinstance(event, h11.Response):
                return event.status_code
            if not isinstance(event, h11.InformationalResponse):
                raise _NoAnswerError("it closed the connection")

    async def body(self) -> bytes:
        """Return the whole body, at most the limit."""
        chunks = bytearray()
        while isinstance(event := await self._next(), h11.Data):
            chunks += event.data
            if len(chunks) > self._limit:
                raise EngineError(
                    "EngineUnavailable", f"podman's answer is larger than {self._limit} bytes, it was not read"
                )
        return bytes(chunks)

    async def json_lines(self, status: int) -> AsyncIterator[dict[str, Any]]:
        """Give each line of the body as it comes."""
        rest = b""
        while isinstance(event := await self._next(), h11.Data):
            *complete, rest = (rest + bytes(event.data)).split(b"\n")
            if len(rest) > _LINE_LIMIT_BYTES:
                raise LibpodError(status, f"a line of more than {_LINE_LIMIT_BYTES} bytes")
            for line in complete:
                if line.strip():
                    yield _json_object(status, line)
        if rest.strip():
            yield _json_object(status, rest)

    async def _next(self) -> object:
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                raise _NoAnswerError(str(error)) from error
            if event is not h11.NEED_DATA:
                return event
            try:
                data = await self._connection.reader.read(_CHUNK_BYTES)
            except OSError as error:
                raise _NoAnswerError(error.strerror or str(error)) from error
            self._http.receive_data(data)


def _json_object(status: int, line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise LibpodError(status, "a line of the answer is no JSON") from error
    if not isinstance(value, dict):
        raise LibpodError(status, "a line of the answer is no JSON object")
    return value


def _refusal(status: int, body: bytes) -> LibpodError:
    try:
        document = json.loads(body)
        cause, message = str(document.get("cause", "")), str(document.get("message", ""))
    except (ValueError, AttributeError):
        cause, message = "", body[:1000].decode(errors="replace").strip()
    return LibpodError(status, cause or message or f"HTTP status {status}", message)
