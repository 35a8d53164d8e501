"""Connections to a port on a pod's localhost: a socket made inside its network namespace, used outside.

A socket stays in the namespace it was made in. So a thread goes in for the length of one system call; nothing is
started, and the connection itself is the loop's.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path

from edgelet.adapters.netns import thread
from edgelet.adapters.probes import channel
from edgelet.api.errors import EngineError
from edgelet.ports.pod_streams import PodConnection

_CHUNK_BYTES = 64 * 1024
_CONNECT_TIMEOUT_S = 10.0  # on localhost only a full backlog makes anybody wait
_PLACES = ((socket.AF_INET, "127.0.0.1", "IPv4: dial tcp4"), (socket.AF_INET6, "::1", "IPv6 dial tcp6"))


async def connect(network_path: str, port: int) -> PodConnection:
    """Connect to localhost in a network namespace; "" is the agent's own.

    Raises:
        EngineError: PortForwardError, in the words of Kubernetes' runtimes.
    """
    faults = []
    for family, host, words in _PLACES:
        try:
            return TcpConnection(await _connected(network_path, family, host, port))
        except OSError as error:
            faults.append(f"{words} {channel.address(host, port)}: connect: {channel.words(error)}")
    where = f'inside namespace "{network_path}"' if network_path else "on the host's network"
    raise EngineError("PortForwardError", f"failed to connect to localhost:{port} {where}, {' '.join(faults)}")


async def _connected(network_path: str, family: int, host: str, port: int) -> socket.socket:
    made = await thread.run_apart(lambda: _inside(network_path, family), name="pod-port")
    try:
        async with asyncio.timeout(_CONNECT_TIMEOUT_S):
            await asyncio.get_running_loop().sock_connect(made, (host, port))
    except TimeoutError:
        made.close()
        raise TimeoutError(0, "i/o timeout") from None
    except BaseException:
        made.close()
        raise
    return made


def _inside(network_path: str, family: int) -> socket.socket:
    if network_path:
        thread.enter(Path(network_path), thread.NEW_NET)
    made = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


class TcpConnection:
    """Satisfies ports.pod_streams.PodConnection. Nothing is buffered here: the kernel's buffers are all there is."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected

    async def receive(self) -> bytes:
        try:
            return await asyncio.get_running_loop().sock_recv(self._socket, _CHUNK_BYTES)
        except OSError as error:
            raise _broken("read", error) from error

    async def send(self, data: bytes) -> None:
        try:
            await asyncio.get_running_loop().sock_sendall(self._socket, data)
        except OSError as error:
            raise _broken("write", error) from error

    def end(self) -> None:
        with contextlib.suppress(OSError):  # it broke: the next `receive` says so
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._socket.close()


def _broken(what: str, error: OSError) -> EngineError:
    return EngineError("PortForwardError", f"{what}: {channel.words(error)}")
