"""Ports and addresses that nobody uses, reserved against other demonstrations on this machine."""

from __future__ import annotations

import ipaddress
import secrets
import socket
from pathlib import Path

_TRIES = 100
_held: list[socket.socket] = []  # as long as this process lives


def reserve(name: str) -> bool:
    """Take a name that only one process of this machine can have at a time; it leaves no file."""
    holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        holder.bind(f"\0edgelet-demo/{name}")
    except OSError:
        holder.close()
        return False
    _held.append(holder)
    return True


def port(*, wanted: int = 0, address: str = "127.0.0.1") -> int:
    """Return a TCP port: the wanted one, else any that is free.

    Raises:
        OSError: None is free.
    """
    for attempt in range(_TRIES):
        with socket.socket() as probe:
            try:
                probe.bind((address, wanted if attempt == 0 else 0))
            except OSError:
                continue
            number = int(probe.getsockname()[1])
        if reserve(f"port/{number}"):
            return number
    raise OSError("no TCP port is free")


def pool() -> str:
    """Return a /24 that no route of this machine leads to.

    Raises:
        OSError: None was found.
    """
    taken = routes(Path("/proc/net/route").read_text())
    for _ in range(_TRIES):
        candidate = ipaddress.ip_network(f"10.{128 + secrets.randbelow(127)}.{secrets.randbelow(256)}.0/24")
        if not any(candidate.overlaps(one) for one in taken) and reserve(f"pool/{candidate}"):
            return str(candidate)
    raise OSError("no network 10.x.y.0/24 is free")


def routes(table: str) -> list[ipaddress.IPv4Network]:
    """Read /proc/net/route: numbers in host byte order, as hexadecimal digits. The default route is left out."""
    found = []
    for line in table.splitlines()[1:]:
        columns = line.split()
        target, mask = (int.from_bytes(bytes.fromhex(columns[at])[::-1], "big") for at in (1, 7))
        if mask:
            found.append(ipaddress.IPv4Network((target, mask.bit_count())))
    return found
