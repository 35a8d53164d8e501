"""Netlink messages as bytes: header, attributes, the kernel's answers. Pure.

Source: Linux' include/uapi/linux/netlink.h, netlink(7). Everything is in the machine's byte order.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

REQUEST, MULTI, ACK, REPLACE, EXCL, CREATE = 0x1, 0x2, 0x4, 0x100, 0x200, 0x400
DUMP = 0x300
ERROR, DONE = 2, 3  # types of messages

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_NUMBER = struct.Struct("=I")
_ERROR_CODE = struct.Struct("=i")
_NESTED = 0x8000
_TYPE_MASK = 0x3FFF
_CAPPED, _EXTENDED = 0x100, 0x200  # flags of an ERROR message
_EXTENDED_TEXT = 1


@dataclass(frozen=True, slots=True)
class Message:
    """One message without its header."""

    type: int
    flags: int
    sequence: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an ERROR message says: errno (0 is consent) and the kernel's own words, if it has any."""

    number: int
    text: str = ""


def pack(kind: int, flags: int, sequence: int, payload: bytes) -> bytes:
    """Return a whole message."""
    return _HEADER.pack(_HEADER.size + len(payload), kind, flags, sequence, 0) + payload


def unpack(data: bytes) -> Iterator[Message]:
    """Yield the messages of one datagram; a cut one ends it."""
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, flags, sequence, _ = _HEADER.unpack_from(data, at)
        if length < _HEADER.size or at + length > len(data):
            return
        yield Message(kind, flags, sequence, data[at + _HEADER.size : at + length])
        at += _aligned(length)


def attribute(kind: int, value: bytes) -> bytes:
    """Return an attribute, padded."""
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + bytes(_aligned(length) - length)


def number(kind: int, value: int) -> bytes:
    """Return an attribute of 32 bits."""
    return attribute(kind, _NUMBER.pack(value))


def text(kind: int, value: str) -> bytes:
    """Return an attribute that is a C string."""
    return attribute(kind, value.encode() + b"\0")


def nested(kind: int, *inside: bytes) -> bytes:
    """Return an attribute made of attributes."""
    return attribute(kind | _NESTED, b"".join(inside))


def attributes(data: bytes) -> Mapping[int, bytes]:
    """Return attributes by type; of several of one type the last, as the kernel reads them."""
    found = {}
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < _ATTRIBUTE.size or at + length > len(data):
            break
        found[kind & _TYPE_MASK] = data[at + _ATTRIBUTE.size : at + length]
        at += _aligned(length)
    return found


def as_number(value: bytes | None) -> int:
    """Return 32 bits as a number; 0 where there are none."""
    return _NUMBER.unpack_from(value)[0] if value and len(value) >= _NUMBER.size else 0


def as_text(value: bytes | None) -> str:
    """Return a C string; "" where there is none."""
    return value.partition(b"\0")[0].decode(errors="replace") if value else ""


def refusal(message: Message) -> Refusal:
    """Read an ERROR message (or the end of a dump, which may carry an errno too)."""
    if len(message.payload) < _ERROR_CODE.size:
        return Refusal(0)
    code = -_ERROR_CODE.unpack_from(message.payload)[0]
    if message.type != ERROR or not message.flags & _EXTENDED:
        return Refusal(code)
    start = _ERROR_CODE.size + _HEADER.size
    if not message.flags & _CAPPED and len(message.payload) >= start:
        # The request is given back before the text.
        start = _ERROR_CODE.size + _aligned(_HEADER.unpack_from(message.payload, _ERROR_CODE.size)[0])
    return Refusal(code, as_text(attributes(message.payload[start:]).get(_EXTENDED_TEXT)))


def _aligned(length: int) -> int:
    return (length + 3) & ~3
