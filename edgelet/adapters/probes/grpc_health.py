"""grpc.health.v1.Health/Check: one HTTP/2 request with prior knowledge, two tiny protobuf messages by hand.

h2 is loaded by the first gRPC probe there is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote

from edgelet.adapters.probes import channel
from edgelet.adapters.probes.channel import Channel
from edgelet.api.errors import ProbeError
from edgelet.ports.probe_net import BODY_LIMIT_BYTES, HealthReply

if TYPE_CHECKING:
    from h2.connection import H2Connection
    from h2.events import Event

_PATH = "/grpc.health.v1.Health/Check"
_UNKNOWN, _UNIMPLEMENTED = 2, 12
_CODE = re.compile(r"[0-9]{1,9}")
_NOT_FOUND = 404
_NAMES: tuple[Literal["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"], ...] = (
    "UNKNOWN",
    "SERVING",
    "NOT_SERVING",
    "SERVICE_UNKNOWN",
)
_LOW_BITS, _MORE = 0x7F, 0x80
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_PREFIX_BYTES = 5  # of a gRPC message: compressed or not, length


async def check(host: str, port: int, service: str, *, user_agent: str) -> HealthReply:
    """Ask once.

    Raises:
        ProbeError: No connection, or nothing that is HTTP/2.
    """
    async with channel.opened(host, port) as line:
        return await _asked(line, channel.address(host, port), service, user_agent=user_agent)


async def _asked(line: Channel, authority: str, service: str, *, user_agent: str) -> HealthReply:
    """Ask over a connection that stands. Raises ProbeError, whatever the other end says."""
    from h2.exceptions import ProtocolError  # noqa: PLC0415  only where gRPC is asked

    try:
        return await _Call(line, authority, user_agent).run(service)
    except ProtocolError as error:
        raise ProbeError(f"the server does not speak HTTP/2: {error}") from error
    except OSError as error:
        raise ProbeError(f"read: {channel.words(error)}") from error


class _Call:
    """One request and what came of it."""

    def __init__(self, line: Channel, authority: str, user_agent: str) -> None:
        from h2.config import H2Configuration  # noqa: PLC0415  see check
        from h2.connection import H2Connection  # noqa: PLC0415

        self._line = line
        self._authority = authority
        self._user_agent = user_agent
        self._h2: H2Connection = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self._headers: dict[str, str] = {}
        self._data = bytearray()
        self._ended = False

    async def run(self, service: str) -> HealthReply:
        """Send, read until the stream ends, judge."""
        self._h2.initiate_connection()
        stream = self._h2.get_next_available_stream_id()
        self._h2.send_headers(
            stream,
            [
                (":method", "POST"),
                (":scheme", "http"),
                (":path", _PATH),
                (":authority", self._authority),
                ("content-type", "application/grpc"),
                ("user-agent", self._user_agent),
                ("te", "trailers"),
            ],
        )
        message = request_message(service)
        self._h2.send_data(stream, b"\0" + len(message).to_bytes(4, "big") + message, end_stream=True)
        await self._line.send(self._h2.data_to_send())
        while not self._ended:
            data = await self._line.receive()
            if not data:
                raise ProbeError("error reading server preface: EOF")
            for event in self._h2.receive_data(data):
                self._take(event)
            await self._line.send(self._h2.data_to_send())
        return self._judged()

    def _take(self, event: Event) -> None:
        from h2 import events  # noqa: PLC0415  see check

        if isinstance(event, events.ResponseReceived | events.TrailersReceived):
            self._headers |= {_text(name): _text(value) for name, value in event.headers or ()}
        elif isinstance(event, events.DataReceived):
            self._data += event.data or b""
            if event.flow_controlled_length:
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id or 0)
            if len(self._data) > BODY_LIMIT_BYTES:
                raise ProbeError("the answer is larger than any health reply")
        elif isinstance(event, events.StreamEnded):
            self._ended = True
        elif isinstance(event, events.StreamReset | events.ConnectionTerminated):
            raise ProbeError(f"the server ended the call: HTTP/2 error {event.error_code}")

    def _judged(self) -> HealthReply:
        status = self._headers.get("grpc-status")
        if status is None:
            http = self._headers.get(":status", "")
            code = _UNIMPLEMENTED if http == str(_NOT_FOUND) else _UNKNOWN
            return HealthReply(code, f"unexpected HTTP status code received from server: {http}")
        code = int(status) if _CODE.fullmatch(status) else _UNKNOWN
        if code:
            return HealthReply(code, unquote(self._headers.get("grpc-message", "")))
        number = reply_status(bytes(self._data[_PREFIX_BYTES:]))
        return HealthReply(0, serving=_NAMES[number] if number < len(_NAMES) else "UNKNOWN")


def request_message(service: str) -> bytes:
    """Return HealthCheckRequest{service}: field 1, a string; "" is not sent."""
    text = service.encode()
    return b"\x0a" + _varint(len(text)) + text if text else b""


def reply_status(message: bytes) -> int:
    """Return HealthCheckResponse.status: field 1, a varint; other fields are skipped.

    Raises:
        ProbeError: It is no protobuf message.
    """
    status = at = 0
    try:
        while at < len(message):
            key, at = _read_varint(message, at)
            match key & 7:
                case kind if kind == _VARINT:
                    value, at = _read_varint(message, at)
                    status = value if key >> 3 == 1 else status
                case kind if kind == _BYTES:
                    length, at = _read_varint(message, at)
                    at += length
                case kind if kind == _FIXED64:
                    at += 8
                case kind if kind == _FIXED32:
                    at += 4
                case kind:
                    raise ProbeError(f"the health reply is no protobuf message: wire type {kind}")
    except IndexError as error:
        raise ProbeError("the health reply is no protobuf message: it is cut") from error
    return status


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > _LOW_BITS:
        out.append(number & _LOW_BITS | _MORE)
        number >>= 7
    out.append(number)
    return bytes(out)


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while message[at] & _MORE:
        value |= (message[at] & _LOW_BITS) << shift
        shift += 7
        at += 1
    return value | message[at] << shift, at + 1


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")
