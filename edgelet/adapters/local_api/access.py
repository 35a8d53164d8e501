"""Who may use the local API: told by the kernel, whatever became of the socket's file."""

from __future__ import annotations

import grp
import os
import pwd
import socket
from dataclasses import dataclass

from edgelet.adapters.local_api import peer
from edgelet.ports.local_api import Peer


@dataclass(frozen=True, slots=True)
class Access:
    """Root, the agent's own user, members of `group`, and `users` (names or numbers)."""

    group: str = ""
    users: tuple[str, ...] = ()

    @property
    def for_all_to_connect(self) -> bool:
        """Whether the file's mode has to let in everybody, because it can name no further users."""
        return bool(self.users)

    def allows(self, who: Peer, sock: socket.socket) -> bool:
        """Whether the process at the other end may ask. Names are looked up each time: they may be new."""
        if who.uid in (0, os.geteuid()) or any(who.uid == _uid(name) for name in self.users):
            return True
        wanted = _gid(self.group)
        return wanted is not None and (who.gid == wanted or wanted in peer.groups(sock))


def _uid(name: str) -> int | None:
    if name.isdigit():
        return int(name)
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def _gid(name: str) -> int | None:
    try:
        return grp.getgrnam(name).gr_gid if name else None
    except KeyError:
        return None
