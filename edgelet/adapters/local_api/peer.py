"""What the kernel knows of the other end of a unix socket: who it is, and whether it is still there."""

from __future__ import annotations

import asyncio
import select
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edgelet.ports.local_api import Peer

_UCRED = struct.Struct("3i")
_SO_PEERGROUPS = 59  # Source: linux/asm-generic/socket.h; Python has no name for it
_GID = struct.Struct("I")
_MAX_GROUPS = 256  # Python reads no socket option longer than 1024 bytes


def credentials(sock: socket.socket) -> Peer:
    """The process that connected; it may have ended or changed its user since."""
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    return Peer(*_UCRED.unpack(raw))


def groups(sock: socket.socket) -> frozenset[int]:
    """The supplementary groups of the process that connected, as of then; none where they are too many to tell."""
    try:
        raw = sock.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _GID.size * _MAX_GROUPS)
    except OSError:
        return frozenset()
    return frozenset(gid for (gid,) in _GID.iter_unpack(raw))


@contextmanager
def hangup_watch(sock: socket.socket, gone: Callable[[], object]) -> Iterator[None]:
    """Call `gone` when the other end closes, without reading a byte and without polling.

    A transport that is paused, or that only writes, would never see it. EPOLLHUP is reported for any registration; a
    client that shut down only its sending side (`nc -N`) does not raise it. Edge-triggered: reported once.
    """
    loop = asyncio.get_running_loop()
    with select.epoll(sizehint=1) as watch:
        watch.register(sock.fileno(), select.EPOLLET)

        def look() -> None:
            for _descriptor, events in watch.poll(timeout=0):
                if events & (select.EPOLLHUP | select.EPOLLERR):
                    loop.remove_reader(watch.fileno())
                    gone()

        loop.add_reader(watch.fileno(), look)
        try:
            yield
        finally:
            loop.remove_reader(watch.fileno())
