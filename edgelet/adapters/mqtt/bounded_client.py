"""paho with a bound on what it reads: a broker that ignores our MaximumPacketSize must not fill the board's memory."""

from __future__ import annotations

import errno
from typing import Any

from paho.mqtt.client import Client


class BoundedClient(Client):
    """A client that ends the connection instead of taking a packet of up to 256 MB."""

    def __init__(self, *arguments: Any, maximum_packet_bytes: int, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._maximum_packet_bytes = maximum_packet_bytes

    def _sock_recv(self, bufsize: int) -> bytes:
        # paho asks for all that is left of a packet at once, and has no bound of its own.
        if bufsize > self._maximum_packet_bytes:
            raise OSError(
                errno.EMSGSIZE,
                f"the broker sends a packet of {bufsize} bytes, at most {self._maximum_packet_bytes} fit",
            )
        return super()._sock_recv(bufsize)
