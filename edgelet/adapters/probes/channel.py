"""A connection for one question: plain, or TLS that trusts everybody."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from edgelet.api.errors import ProbeError

_CHUNK_BYTES = 16_384
_GO_WORDS = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset by peer",
    errno.EHOSTUNREACH: "no route to host",
    errno.ENETUNREACH: "network is unreachable",
    errno.EPIPE: "broken pipe",
    errno.ETIMEDOUT: "connection timed out",
}


class Channel(Protocol):
    """Bytes in, bytes out; an empty read is the end."""

    async def send(self, data: bytes) -> None: ...

    async def receive(self) -> bytes: ...


class PlainChannel:
    """TCP as it is."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Write and drain."""
        self._writer.write(data)
        await self._writer.drain()

    async def receive(self) -> bytes:
        """Read what is there."""
        return await self._reader.read(_CHUNK_BYTES)


def address(host: str, port: int) -> str:
    """Return host:port as Go joins them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def words(error: OSError) -> str:
    """Return Go's words for a failed call."""
    return _GO_WORDS.get(error.errno or 0) or (error.strerror or str(error)).lower()


@asynccontextmanager
async def opened(host: str, port: int) -> AsyncIterator[PlainChannel]:
    """Connect for the length of the block.

    Raises:
        ProbeError: There is no connection. What fails later is the caller's to translate.
    """
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except socket.gaierror as error:
        raise ProbeError(f"dial tcp: lookup {host}: no such host") from error
    except OSError as error:
        raise ProbeError(f"dial tcp {address(host, port)}: connect: {words(error)}") from error
    try:
        yield PlainChannel(reader, writer)
    except BaseException:
        writer.transport.abort()
        raise
    writer.close()
