"""From h11's request to ours: decided without reading or writing anything."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

import h11

from edgelet.ports.local_api import Peer, Request, Response, failure

BODY_METHODS = frozenset({b"POST", b"PUT", b"PATCH"})
QUERY_FIELDS = 256
SEGMENTS = 32


class BadRequestError(Exception):
    """A request that is answered without asking the handler."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.code)
        self.response = response


@dataclass(frozen=True, slots=True)
class BodyPlan:
    """Whether the body will be read; where not, what to say instead."""

    refused: Response | None = None


def too_large(limit_bytes: int) -> Response:
    """413: said from Content-Length before a byte is read, or when a chunked body passes the bound."""
    return failure(413, "RequestEntityTooLarge", f"request body larger than {limit_bytes} bytes")


def body_plan(head: h11.Request, *, limit_bytes: int) -> BodyPlan:
    """Judge a body by the headers alone. h11 has already checked that they make sense."""
    if head.method == b"CONNECT":
        return BodyPlan(failure(405, "MethodNotAllowed", "this server is no proxy"))
    headers = dict(head.headers.raw_items())
    names = {name.lower(): value for name, value in headers.items()}
    length, chunked = names.get(b"content-length"), b"transfer-encoding" in names
    if length is not None and not chunked and _length(length) > limit_bytes:
        return BodyPlan(too_large(limit_bytes))
    # A POST that asks for an upgrade (SPDY exec) has no body and says so by leaving the length out.
    if head.method in BODY_METHODS and length is None and not chunked and b"upgrade" not in names:
        return BodyPlan(failure(411, "LengthRequired", "a body needs Content-Length or chunked Transfer-Encoding"))
    expect = names.get(b"expect", b"100-continue")
    if expect.lower() != b"100-continue":
        return BodyPlan(failure(417, "ExpectationFailed", f"cannot do Expect: {expect.decode('latin-1')}"))
    return BodyPlan()


def request(head: h11.Request, *, body: bytes, peer: Peer) -> Request:
    """Make the handler's request.

    Raises:
        BadRequestError: The target is no path, or has too many segments or query fields, or is no UTF-8.
    """
    target = head.target.decode("ascii")
    if "://" in target.partition("?")[0]:  # absolute form: what a proxy is asked for; the authority is of no interest
        target = "/" + target.partition("://")[2].partition("/")[2]
    path, _, query = target.partition("?")
    if not path.startswith("/"):
        raise BadRequestError(failure(400, "BadRequest", "the request target is no path"))
    method = head.method.decode("ascii").upper()
    return Request(
        method="GET" if method == "HEAD" else method,
        segments=_segments(path),
        query=_query(query),
        headers=_headers(head),
        body=body,
        peer=peer,
    )


def _length(value: bytes) -> int:
    digits = value.strip()
    # Beyond this many digits int() refuses (and any bound is passed).
    return int(digits) if digits.isdigit() and len(digits) < 19 else 1 << 62  # noqa: PLR2004


def _segments(path: str) -> tuple[str, ...]:
    parts = path[1:].removesuffix("/").split("/") if path != "/" else []
    if len(parts) > SEGMENTS:
        raise BadRequestError(failure(404, "NotFound", "the server could not find the requested resource"))
    try:
        return tuple(unquote(part, errors="strict") for part in parts)
    except UnicodeDecodeError as error:
        raise BadRequestError(failure(400, "BadRequest", "the path is no UTF-8")) from error


def _query(text: str) -> dict[str, tuple[str, ...]]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=QUERY_FIELDS)
    except ValueError as error:  # too many fields, or no UTF-8
        raise BadRequestError(failure(400, "BadRequest", f"cannot read the query: {error}")) from error
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: tuple(values) for name, values in found.items()}


def _headers(head: h11.Request) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in head.headers:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found
