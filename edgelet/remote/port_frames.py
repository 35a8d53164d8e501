"""Kubernetes' port-forward protocol over WebSocket: one channel byte, then data. Pure.

Source: the kubelet's portforward websocket handler: for the n-th port asked for, channel 2n carries data and 2n+1 the
one error; the first message of each is the port itself, two bytes, the lower one first. v5's message for a closed
channel (255, CHANNEL), taken from remote command, is ours: it tells the end of one direction, which v4 cannot.
"""

from __future__ import annotations

from dataclasses import dataclass

V5 = "v5.channel.k8s.io"
V4 = "v4.channel.k8s.io"
SUBPROTOCOLS = (V5, V4)
CLOSE = 255


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes for the n-th port."""

    number: int
    data: bytes


@dataclass(frozen=True, slots=True)
class EndOfData:
    """Nothing more will come for the n-th port."""

    number: int


@dataclass(frozen=True, slots=True)
class Ignored:
    """A frame that means nothing to a server."""


Frame = Data | EndOfData | Ignored


def decode(message: bytes, *, subprotocol: str) -> Frame:
    """Read one message of the client."""
    if not message:
        return Ignored()
    channel, rest = message[0], message[1:]
    if channel == CLOSE and subprotocol == V5:
        return EndOfData(rest[0] // 2) if rest and rest[0] % 2 == 0 else Ignored()
    if channel % 2 or not rest:
        return Ignored()
    return Data(channel // 2, rest)


def opening(number: int, port: int) -> tuple[bytes, bytes]:
    """Make the first message of both channels."""
    name = port.to_bytes(2, "little")
    return bytes([2 * number]) + name, bytes([2 * number + 1]) + name


def data(number: int, content: bytes) -> bytes:
    """Make a message of what the pod said."""
    return bytes([2 * number]) + content


def error(number: int, text: str) -> bytes:
    """Make the message of why there is no connection, or no more."""
    return bytes([2 * number + 1]) + text.encode()


def end(number: int) -> bytes:
    """Make the message that the pod has said all (v5)."""
    return bytes([CLOSE, 2 * number])
