"""GET by HTTP/1.1, one connection a request, redirects as the kubelet follows them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

import h11

from edgelet.adapters.probes import channel
from edgelet.adapters.probes.channel import Channel
from edgelet.adapters.probes.tls_channel import TlsChannel
from edgelet.api.errors import ProbeError
from edgelet.ports.probe_net import BODY_LIMIT_BYTES, HttpGet, HttpReply

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REQUESTS = 10
_SAFE = "/%:=&?~+!$,;'@()*[]|-._"
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class _Answer:
    reply: HttpReply
    location: str


def url(request: HttpGet) -> str:
    """Return the request's URL."""
    return f"{request.scheme}://{channel.address(request.host, request.port)}{request.path}"


async def get(request: HttpGet) -> HttpReply:
    """Ask, and follow redirects on the same host.

    Raises:
        ProbeError: No answer, or too many redirects.

    Source: Kubernetes pkg/probe/http RedirectChecker, Go's net/http Client.do.
    """
    asked = request
    for _ in range(_MOST_REQUESTS):
        answer = await _once(asked)
        if answer.reply.status not in _REDIRECTS or not answer.location:
            return answer.reply
        target = _target(asked, answer.location)
        if target.host != request.host:
            return answer.reply
        asked = target
    raise ProbeError(f"stopped after {_MOST_REQUESTS} redirects")


def _target(asked: HttpGet, location: str) -> HttpGet:
    try:
        parts = urlsplit(urljoin(url(asked), location))
        given_port, absolute = parts.port, bool(urlsplit(location).scheme)
    except ValueError as error:  # brackets that are not an address, a port that is no number
        raise ProbeError(f"failed to parse Location header {location!r}: {error}") from error
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS:
        raise ProbeError(f'unsupported protocol scheme "{parts.scheme}"')
    return dataclasses.replace(
        asked,
        scheme="https" if scheme == "https" else "http",
        host=parts.hostname or "",
        port=given_port or _DEFAULT_PORTS[scheme],
        path=_escaped(parts.path or "/") + (f"?{_escaped(parts.query)}" if parts.query else ""),
        host_header="" if absolute else asked.host_header,
    )


def _escaped(text: str) -> str:
    """Return a part of a Location as it may stand in a request: its bytes beyond ASCII, and spaces, in percent."""
    return quote(text, safe=_SAFE, encoding="latin-1", errors="replace")


async def _once(request: HttpGet) -> _Answer:
    async with channel.opened(request.host, request.port) as plain:
        return await _asked(request, plain)


async def _asked(request: HttpGet, plain: Channel) -> _Answer:
    """Ask over a connection that stands. Raises ProbeError, whatever the other end says."""
    try:
        return await _exchange(request, await _secured(request, plain))
    except h11.LocalProtocolError as error:
        raise ProbeError(f"net/http: invalid request: {error}") from error
    except h11.RemoteProtocolError as error:
        words = f"net/http: HTTP/1.x transport connection broken: malformed HTTP response: {error}"
        raise ProbeError(words) from error
    except OSError as error:
        raise ProbeError(f"read: {channel.words(error)}") from error


async def _secured(request: HttpGet, plain: Channel) -> Channel:
    if request.scheme == "http":
        return plain
    # An address is no server name (RFC 6066), and Go sends none either; a Host header is not used for it.
    named = "" if request.host.replace(".", "").isdigit() or ":" in request.host else request.host
    tls = TlsChannel(plain, server_name=named)
    await tls.handshake()
    return tls


async def _exchange(request: HttpGet, line: Channel) -> _Answer:
    connection = h11.Connection(h11.CLIENT)
    default = request.port == _DEFAULT_PORTS[request.scheme]
    itself = channel.address(request.host, request.port).removesuffix(f":{request.port}" if default else "")
    headers = [("Host", request.host_header or itself), *request.headers, ("Connection", "close")]
    # Go sends the bytes of UTF-8; h11 by itself takes ASCII alone.
    encoded = [(name.encode(), value.encode()) for name, value in headers]
    question = h11.Request(method="GET", target=request.path, headers=encoded)
    await line.send(connection.send(question) + connection.send(h11.EndOfMessage()))
    head: h11.Response | None = None
    body = bytearray()
    while len(body) < BODY_LIMIT_BYTES:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            data = await line.receive()
            if not data and head is None:
                raise ProbeError("EOF")
            connection.receive_data(data)
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
            break
    if head is None:
        raise ProbeError("EOF")
    location = next((value.decode("latin-1") for name, value in head.headers if name == b"location"), "")
    return _Answer(HttpReply(head.status_code, bytes(body[:BODY_LIMIT_BYTES])), location)
