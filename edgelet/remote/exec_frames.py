"""Kubernetes' remote command protocol over WebSocket: one channel byte, then data. Pure.

Source: KEP-4006, k8s.io/apimachinery remotecommand constants. v5 is v4 with the client's right to close a channel
(255, CHANNEL), which is how the end of stdin is told; v4 cannot tell it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

V5 = "v5.channel.k8s.io"
V4 = "v4.channel.k8s.io"
SUBPROTOCOLS = (V5, V4)

STDIN, STDOUT, STDERR, ERROR, RESIZE = range(5)
CLOSE = 255
_SIZE_LIMIT = 10_000  # no terminal is larger


@dataclass(frozen=True, slots=True)
class Input:
    """Bytes for the process."""

    data: bytes


@dataclass(frozen=True, slots=True)
class EndOfInput:
    """Nothing more will come for the process."""


@dataclass(frozen=True, slots=True)
class Resize:
    """The terminal has another size."""

    columns: int
    rows: int


@dataclass(frozen=True, slots=True)
class Ignored:
    """A frame that means nothing to a server."""


Frame = Input | EndOfInput | Resize | Ignored


def decode(message: bytes, *, subprotocol: str) -> Frame:
    """Read one message of the client."""
    if not message:
        return Ignored()
    channel, data = message[0], message[1:]
    if channel == STDIN:
        return Input(data) if data else Ignored()
    if channel == RESIZE:
        return _resize(data)
    if channel == CLOSE and subprotocol == V5 and data[:1] == bytes([STDIN]):
        return EndOfInput()
    return Ignored()


def encode(channel: int, data: bytes) -> bytes:
    """Make one message to the client."""
    return bytes([channel]) + data


def ended(exit_code: int) -> bytes:
    """The last message: a Status that carries the exit code."""
    if exit_code == 0:
        return encode(ERROR, json.dumps({"metadata": {}, "status": "Success"}).encode())
    status = {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {exit_code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(exit_code)}]},
    }
    return encode(ERROR, json.dumps(status).encode())


def failed(status: dict[str, Any]) -> bytes:
    """The last message where the command never ran."""
    return encode(ERROR, json.dumps(status).encode())


def _resize(data: bytes) -> Frame:
    try:
        size = json.loads(data)
        columns, rows = int(size["Width"]), int(size["Height"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return Ignored()
    if 0 < columns < _SIZE_LIMIT and 0 < rows < _SIZE_LIMIT:
        return Resize(columns=columns, rows=rows)
    return Ignored()
