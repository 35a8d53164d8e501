"""A netlink socket: ask, wait for the kernel's answer, raise what it refuses. Blocking, some 20 us a call."""

from __future__ import annotations

import errno
import os
import socket
from types import TracebackType
from typing import Self

from edgelet.adapters.netlink import message
from edgelet.adapters.netlink.message import Message

_SOL_NETLINK = 270
_EXT_ACK, _CAP_ACK = 11, 10  # Source: linux/netlink.h: the kernel's words, and without the request given back
_READ_BYTES = 64 * 1024
_TIMEOUT_S = 10.0


class NetlinkError(OSError):
    """What the kernel refused: errno and a sentence."""


class Channel:
    """One socket in the network namespace of the thread that makes it; it stays there wherever the thread goes.

    Args:
        family: NETLINK_ROUTE (0), NETLINK_NETFILTER (12).
    """

    def __init__(self, family: int = socket.NETLINK_ROUTE) -> None:
        self._sequence = 0
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, family)
        try:
            for option in (_EXT_ACK, _CAP_ACK):
                self._socket.setsockopt(_SOL_NETLINK, option, 1)
            self._socket.settimeout(_TIMEOUT_S)
            self._socket.bind((0, 0))
        except OSError:
            self._socket.close()
            raise

    def call(self, kind: int, payload: bytes, *, flags: int = 0, what: str) -> None:
        """Have something done.

        Args:
            kind: Type of the message.
            payload: Without the netlink header.
            flags: CREATE, EXCL, REPLACE.
            what: For people, after "cannot".

        Raises:
            NetlinkError: The kernel refused.
        """
        self._send(kind, payload, flags | message.ACK)
        for _ in self._answers(what):
            pass

    def ask(self, kind: int, payload: bytes, *, flags: int = 0, what: str) -> tuple[bytes, ...]:
        """Return the payloads that answer: one, or with DUMP as many as there are. Raises NetlinkError."""
        # With an ACK the answer to a single question has an end too.
        self._send(kind, payload, flags if flags & message.DUMP else flags | message.ACK)
        return tuple(self._answers(what))

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, kind: int, payload: bytes, flags: int) -> None:
        self._sequence += 1
        self._socket.send(message.pack(kind, flags | message.REQUEST, self._sequence, payload))

    def _answers(self, what: str) -> list[bytes]:
        found: list[bytes] = []
        while True:
            for each in message.unpack(self._receive(what)):
                if each.sequence != self._sequence:
                    continue  # late answer to a question that timed out
                if each.type in {message.ERROR, message.DONE}:
                    _check(each, what)
                    return found
                found.append(each.payload)

    def _receive(self, what: str) -> bytes:
        try:
            return self._socket.recv(_READ_BYTES)
        except TimeoutError as error:
            raise NetlinkError(errno.ETIMEDOUT, f"cannot {what}: the kernel does not answer") from error


def _check(answer: Message, what: str) -> None:
    refused = message.refusal(answer)
    if refused.number:
        detail = refused.text or os.strerror(refused.number)
        raise NetlinkError(refused.number, f"cannot {what}: {detail}")
