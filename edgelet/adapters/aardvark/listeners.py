"""Who has the name server's port: 1.4 says nothing and lives on where it cannot have it."""

from __future__ import annotations

import errno
import socket
import sys
from ipaddress import IPv4Address
from pathlib import Path

_TABLE = Path("/proc/thread-self/net/udp")  # of the thread's own network namespace
_SOME_ADDRESS = "127.83.83.83"  # nobody binds to exactly that; who has all addresses has this one too


def listens(address: IPv4Address, port: int, *, table: Path = _TABLE) -> bool:
    """Whether a UDP socket is bound to exactly this address and port."""
    wanted = f"{int.from_bytes(address.packed, sys.byteorder):08X}:{port:04X}"
    return any(line.split()[1] == wanted for line in table.read_text().splitlines()[1:])


def is_taken(port: int) -> bool:
    """Whether somebody has this UDP port at all addresses of the node, so that nobody else gets it at one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        try:
            trial.bind((_SOME_ADDRESS, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False
