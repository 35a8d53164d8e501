"""Sockets that listen on this side of a forwarded port, one for each address."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from edgelet.cli.failure import CliError
from edgelet.cli.port_pairs import PortPair

BACKLOG = 64
_LOCALHOST = ("127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket, and where its connections go."""

    socket: socket.socket
    local: int
    remote: int


def addresses(texts: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return a group for each address that was given; localhost is one of two, of which one is enough.

    Raises:
        CliError: It is no address.
    """
    groups: list[tuple[str, ...]] = []
    for text in texts:
        if text == "localhost":
            groups.append(_LOCALHOST)
            continue
        try:
            groups.append((str(ipaddress.ip_address(text)),))
        except ValueError:
            raise CliError(f"{text} is not a valid IP") from None
    return tuple(dict.fromkeys(groups))


def listen(pairs: Sequence[PortPair], groups: Sequence[tuple[str, ...]]) -> list[Listener]:
    """Listen on all of them; each that does is told on standard output, each that does not as kubectl tells it.

    Raises:
        CliError: No one port can be had.
    """
    made: list[Listener] = []
    for pair in pairs:
        found, faults = _of_pair(pair, groups)
        made += found
        if faults:
            text = " ".join(f"unable to create listener: Error listen {fault}" for fault in faults)
            print(
                f"Unable to listen on port {pair.local}: Listeners failed to create with the following errors: [{text}]"
            )
    if not made:
        listed = " ".join(map(str, pairs))
        raise CliError(f"unable to listen on any of the requested ports: [{listed}]")
    return made


def _of_pair(pair: PortPair, groups: Sequence[tuple[str, ...]]) -> tuple[list[Listener], list[str]]:
    made: list[Listener] = []
    faults: list[str] = []
    for group in groups:
        refused: list[str] = []
        for address in group:
            local = made[-1].local if made else pair.local  # one that was chosen counts for all addresses
            try:
                listener = _listen(address, local, pair.remote)
            except OSError as error:
                refused.append(f"tcp {_joined(address, local)}: bind: {(error.strerror or str(error)).lower()}")
                continue
            made.append(listener)
            print(f"Forwarding from {_joined(address, listener.local)} -> {pair.remote}", flush=True)
        if len(refused) == len(group):
            faults += refused
    return made, faults


def _listen(address: str, port: int, remote: int) -> Listener:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((address, port))
        made.listen(BACKLOG)
        made.setblocking(False)
    except BaseException:
        made.close()
        raise
    return Listener(made, made.getsockname()[1], remote)


def _joined(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
