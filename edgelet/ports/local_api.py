"""The local API between its two halves: the server that speaks HTTP, and the handler that knows what is meant."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end: of the unix socket as the kernel saw it at connect (SO_PEERCRED), of TCP by name."""

    pid: int = 0
    uid: int = -1
    gid: int = -1
    name: str = ""  # the common name of a verified client certificate

    def __str__(self) -> str:
        return f"name={self.name}" if self.name else f"uid={self.uid} gid={self.gid} pid={self.pid}"


@dataclass(frozen=True, slots=True)
class Request:
    """One request, its body read whole and within the server's bound."""

    method: str  # upper case; HEAD arrives as GET
    segments: tuple[str, ...]  # the path, split at "/" and then percent-decoded; a trailing "/" is dropped
    query: Mapping[str, tuple[str, ...]]
    headers: Mapping[str, str]  # names in lower case, repeated ones joined by ", "
    body: bytes
    peer: Peer

    @property
    def path(self) -> str:
        """The path for people; never split it again."""
        return "/" + "/".join(self.segments)

    @property
    def content_type(self) -> str:
        """The media type of the body in lower case, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def first(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        values = self.query.get(name, ())
        return values[0] if values else default


@dataclass(frozen=True, slots=True)
class Response:
    """An answer that is there at once."""

    code: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Streaming:
    """An answer that comes bit by bit. The server closes `chunks` when it ends and when the client goes away."""

    chunks: AsyncGenerator[bytes, None]
    code: int = 200
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


class Channel(Protocol):
    """An upgraded connection: whole messages both ways."""

    @property
    def subprotocol(self) -> str: ...

    async def receive(self) -> bytes | None:
        """Wait for one message; None when the other end is gone. One reader."""
        ...

    async def send(self, data: bytes) -> None:
        """Send one message; waits while the other end does not read. Raises ConnectionError when it is gone."""
        ...


@dataclass(frozen=True, slots=True)
class Upgrade:
    """Leave HTTP: the server shakes hands and runs `serve`, which it cancels when the client goes away."""

    serve: Callable[[Channel], Awaitable[None]]
    subprotocols: tuple[str, ...]  # what we speak, best first; the client must offer one


Answer = Response | Streaming | Upgrade
Handler = Callable[[Request], Awaitable[Answer]]


def json_response(code: int, document: Mapping[str, Any], *, warnings: tuple[str, ...] = ()) -> Response:
    """An answer that is one JSON document; warnings travel as `Warning: 299` headers (RFC 7234, as kube-apiserver)."""
    return Response(code, encode(document), headers=_warnings(warnings))


def failure(code: int, reason: str, message: str, *, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """An answer that is a Kubernetes Status, for faults of the request itself rather than of an object."""
    document = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }
    return Response(code, encode(document), headers=headers)


def encode(document: Mapping[str, Any]) -> bytes:
    """JSON on one line, ended by a line feed: good for a watch, and for a shell."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode(errors="replace") + b"\n"


# A client's bound on headers (64 KiB with h11) must hold whatever an object is warned of.
WARNING_LIMIT_CHARS = 512
WARNINGS_LIMIT_CHARS = 4096  # as kube-apiserver


def _warnings(texts: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Make the headers: each text once, what is over the bound is left out."""
    left = WARNINGS_LIMIT_CHARS
    headers: list[tuple[str, str]] = []
    for text in dict.fromkeys(texts):
        value = _warning(text)
        left -= len(value)
        if left < 0:
            break
        headers.append(("Warning", value))
    return tuple(headers)


def _warning(text: str) -> str:
    """Quote as RFC 7230 quoted-string, on one line, in ASCII, bounded."""
    line = " ".join(text.split())[:WARNING_LIMIT_CHARS].encode("ascii", "replace").decode()
    printable = "".join(c if " " <= c <= "~" else "?" for c in line)
    escaped = printable.replace("\\", "\\\\").replace('"', '\\"')
    return f'299 - "{escaped}"'
