"""Who has the name server's port, and whether it answers: 1.4 lives on without a word where it cannot have it."""

from __future__ import annotations

import errno
import socket
import struct
import sys
from ipaddress import IPv4Address
from pathlib import Path

_TABLE = Path("/proc/thread-self/net/udp")  # of the thread's own network namespace
_ANSWER_S = 0.3
_DATAGRAM_BYTES = 512
_QUESTION = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0)  # one question, recursion desired
_ANY_ADDRESS = b"\0" + struct.pack("!2H", 1, 1)  # type A, class IN
_SOME_ADDRESS = "127.83.83.83"  # nobody binds to exactly that; who has all addresses has this one too


def listens(address: IPv4Address, port: int, *, table: Path = _TABLE) -> bool:
    """Whether a UDP socket is bound to exactly this address and port."""
    wanted = f"{int.from_bytes(address.packed, sys.byteorder):08X}:{port:04X}"
    return any(line.split()[1] == wanted for line in table.read_text().splitlines()[1:])


def answers(address: IPv4Address, port: int, name: str) -> bool:
    """Whether a name server says anything to a question for a name, within a third of a second.

    Source of the message's form: RFC 1035, section 4.1.
    """
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(_ANSWER_S)
        try:
            client.connect((str(address), port))
            client.send(_QUESTION + labels + _ANY_ADDRESS)
            return bool(client.recv(_DATAGRAM_BYTES))
        except OSError:  # nobody there, or deaf
            return False


def is_taken(port: int) -> bool:
    """Whether somebody has this UDP port at all addresses of the node, so that nobody else gets it at one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        try:
            trial.bind((_SOME_ADDRESS, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False
