"""Every bound of the local API's server, with its unit."""

from __future__ import annotations

from dataclasses import dataclass

BACKLOG = 128
STREAM_LIMIT_BYTES = 65536  # asyncio stops reading at twice this


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What one client may cost. The defaults fit a board with 512 MiB."""

    connections: int = 64
    header_bytes: int = 65536  # request line and headers together
    body_bytes: int = 3 * 1024 * 1024
    header_timeout_s: float = 10.0  # from a request's first byte to the end of its headers
    body_timeout_s: float = 30.0  # from the end of the headers to the end of the body
    idle_timeout_s: float = 75.0  # kept-alive connections; longer than kubectl's and curl's own patience
    handler_timeout_s: float = 60.0  # until the answer begins
    write_timeout_s: float = 30.0  # a client that does not take a plain answer
    stall_timeout_s: float = 3600.0  # a client that does not take its stream: `logs -f | less` may stand for a while
    stop_grace_s: float = 2.0  # what is under way when the server stops
