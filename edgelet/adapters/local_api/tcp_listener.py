"""Listens on TCP: few clients at a time may be in the midst of their handshake, and each turn of the loop takes one.

asyncio's own `start_server(ssl=...)` holds whoever connects and says nothing, however many they are. So sockets are
accepted here, and TLS begins on them one by one.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from edgelet.adapters.local_api import tcp_door
from edgelet.adapters.local_api.limits import BACKLOG, STREAM_LIMIT_BYTES
from edgelet.adapters.local_api.tcp_door import TcpDoor

log = logging.getLogger(__name__)

_ACCEPT_AGAIN_S = 1.0  # after an error that stays for a while: no file descriptor is left
_TELL_S = 60.0  # between two lines about clients that were cut
_IPV6_NETWORK_BYTES = 8  # one subscriber has all addresses of a /64
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 20), (socket.TCP_KEEPCNT, 3))  # seconds, seconds, times

Admit = Callable[[asyncio.StreamReader, asyncio.StreamWriter, str], None]


@dataclass(frozen=True, slots=True)
class HandshakeBounds:
    """What clients may cost before their certificate was seen: some 400 kB each."""

    half_open: int = 16
    timeout_s: float = 5.0
    goodbye_s: float = 2.0  # for the other side to answer the end of TLS; asyncio's own is 30 s


class TcpListener:
    """Accepts until `close`. Who connects while too many are half open takes the place of an older one."""

    def __init__(
        self, door: TcpDoor, *, tasks: asyncio.TaskGroup, admit: Admit, bounds: HandshakeBounds | None = None
    ) -> None:
        """`admit` gets who showed a good certificate, with its common name. The handshakes are tasks of `tasks`."""
        self._door = door
        self._tasks = tasks
        self._admit = admit
        self._bounds = bounds or HandshakeBounds()
        self._listening: list[socket.socket] = []
        self._half_open: dict[asyncio.Task[None], str] = {}  # oldest first; whose they are
        self._again: dict[socket.socket, asyncio.TimerHandle] = {}
        self._cut = 0
        self._told_s = float("-inf")

    async def open(self) -> int:
        """Listen; returns the port. Raises OSError."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(
            self._door.host, self._door.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        try:
            for family, address in dict.fromkeys((one[0], one[4]) for one in found):
                self._listening.append(socket.create_server(address, family=family, backlog=BACKLOG))
        except OSError:
            self.close()
            raise
        for sock in self._listening:
            sock.setblocking(False)
            loop.add_reader(sock, self._accept, sock)
        return int(self._listening[0].getsockname()[1])

    def close(self) -> None:
        """Accept no more, and cut who is half open. Twice is no error."""
        for handle in self._again.values():
            handle.cancel()
        for sock in self._listening:
            asyncio.get_running_loop().remove_reader(sock)
            sock.close()
        self._listening.clear()
        for task in tuple(self._half_open):
            task.cancel()

    @property
    def half_open(self) -> int:
        """How many clients have not shown their certificate yet."""
        return len(self._half_open)

    # ---- accepting

    def _accept(self, listening: socket.socket) -> None:
        """Take one client; the others are there in the next turn, and so is everybody else's work."""
        try:
            sock, address = listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionError):  # gone already
            return
        except OSError as error:
            log.warning("cannot accept a client on TCP", extra={"error": error.strerror or str(error)})
            self._pause(listening)
            return
        try:
            _prepare(sock)
        except OSError:
            sock.close()
            return
        if len(self._half_open) >= self._bounds.half_open:
            self._make_room()
        task = self._tasks.create_task(self._shake_hands(sock), name="local-api/handshake")
        self._half_open[task] = _holder(sock.family, address)
        task.add_done_callback(lambda done: self._ended(done, sock))

    def _pause(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(listening)
        self._again[listening] = loop.call_later(_ACCEPT_AGAIN_S, self._resume, listening)

    def _resume(self, listening: socket.socket) -> None:
        del self._again[listening]
        asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    def _make_room(self) -> None:
        """Cut the oldest of whoever holds most: a flood from one address pushes out its own clients alone."""
        held = Counter(self._half_open.values())
        most = max(held.values())
        oldest = next(task for task, holder in self._half_open.items() if held[holder] == most)
        holder = self._half_open.pop(oldest)
        oldest.cancel()
        self._cut += 1
        now_s = asyncio.get_running_loop().time()
        if now_s - self._told_s >= _TELL_S:
            self._told_s = now_s
            log.warning(
                "too many clients on TCP that show no certificate; the oldest are cut",
                extra={"address": holder, "cut": self._cut},
            )

    # ---- the handshake

    async def _shake_hands(self, sock: socket.socket) -> None:
        """Begin TLS; who shows a good certificate in time is admitted, all others are cut."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=STREAM_LIMIT_BYTES)
        protocol = _TlsStream(reader)
        admitted = False
        try:
            # Reading begins with TLS alone: what came before would be lost to it (python/cpython#142352).
            raw, _ = await loop.connect_accepted_socket(_Paused, sock)
        except OSError as error:  # this client's trouble must not end the group of all tasks
            log.debug("a client on TCP was gone at once", extra={"error": str(error)})
            sock.close()
            return
        try:
            tls = await loop.start_tls(
                raw,
                protocol,
                self._door.context,
                server_side=True,
                ssl_handshake_timeout=self._bounds.timeout_s,
                ssl_shutdown_timeout=self._bounds.goodbye_s,
            )
            if tls is None:  # the connection was lost without an error
                return
            protocol.connection_made(tls)  # start_tls leaves the reader, which has to hold TLS back, without it
            writer = asyncio.StreamWriter(tls, protocol, reader, loop)
            self._admit(reader, writer, tcp_door.common_name(tls.get_extra_info("ssl_object")))
            admitted = True
        except OSError as error:  # ssl.SSLError is one, and so is a handshake that took too long
            log.debug("a client on TCP showed no good certificate", extra={"error": str(error)})
        finally:
            if not admitted:
                raw.abort()

    def _ended(self, task: asyncio.Task[None], sock: socket.socket) -> None:
        self._half_open.pop(task, None)
        if task.cancelled():
            sock.close()  # one that is cancelled before its first step has no transport that would do it


class _Paused(asyncio.Protocol):
    """Reads nothing."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.ReadTransport)  # noqa: S101  for the type checker
        transport.pause_reading()


class _TlsStream(asyncio.StreamReaderProtocol):
    """Never half closed, also before it knows that it is TLS; asyncio would warn."""

    def eof_received(self) -> bool:
        super().eof_received()
        return False


def _prepare(sock: socket.socket) -> None:
    """Have the kernel notice a client that is gone without a word: its stream would hold its place for ever."""
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE:
        sock.setsockopt(socket.IPPROTO_TCP, option, value)


def _holder(family: int, address: tuple[str, int] | tuple[str, int, int, int]) -> str:
    """Return who an address belongs to: itself, or its /64."""
    if family != socket.AF_INET6:
        return address[0]
    packed = socket.inet_pton(socket.AF_INET6, address[0].partition("%")[0])
    network = packed[:_IPV6_NETWORK_BYTES].ljust(len(packed), b"\0")
    return f"{socket.inet_ntop(socket.AF_INET6, network)}/64"
