"""Whether ports of the node are free to be forwarded. Blocking."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable

from edgelet.adapters.nftables import ruleset
from edgelet.api.errors import EngineError
from edgelet.ports.runtime import PortMapping

_TYPES = {"TCP": socket.SOCK_STREAM, "UDP": socket.SOCK_DGRAM}


def check(wanted: Iterable[PortMapping], taken: Iterable[PortMapping]) -> None:
    """Refuse ports that another pod or a program of the node has: forwarding would steal its traffic in silence.

    Raises:
        EngineError: FailedCreatePodSandBox.
    """
    others = tuple(taken)
    for port in wanted:
        if any(ruleset.overlap(port, other) for other in others):
            raise _in_use(port, "another pod has it")
        if (number := _bind(port)) in {errno.EADDRINUSE, errno.EADDRNOTAVAIL}:
            raise _in_use(
                port, "address already in use" if number == errno.EADDRINUSE else "the node has no such address"
            )


def _bind(port: PortMapping) -> int:
    """Try to take the port and return the errno; SCTP is not tried: hardly a node has it."""
    kind = _TYPES.get(port.protocol)
    if kind is None:
        return 0
    with socket.socket(socket.AF_INET, kind | socket.SOCK_CLOEXEC) as trial:
        if kind == socket.SOCK_STREAM:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # old connections are no listener
        try:
            trial.bind(("" if port.host_ip == "::" else port.host_ip, port.host_port))
        except OSError as error:
            return error.errno or 0
    return 0


def _in_use(port: PortMapping, why: str) -> EngineError:
    where = f"{port.host_ip or '*'}:{port.host_port}/{port.protocol}"
    return EngineError("FailedCreatePodSandBox", f"cannot forward the host port {where}: {why}")
