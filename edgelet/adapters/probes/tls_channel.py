"""TLS on top of a plain connection. ssl is loaded by the first HTTPS question, and not through asyncio's own TLS.

asyncio keeps ssl's exceptions from when it was imported; the agent has stand-ins there until ssl is needed
(agent/deferred_modules.py), so asyncio would not know those of the real module.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from edgelet.adapters.probes.channel import Channel
from edgelet.api.errors import ProbeError

if TYPE_CHECKING:
    import ssl

_CHUNK_BYTES = 16_384
_PLAIN_HTTP = "http: server gave HTTP response to HTTPS client"


@functools.cache
def _context() -> ssl.SSLContext:
    import ssl  # noqa: PLC0415  OpenSSL is 5 MB: only where somebody asks by HTTPS

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # Source: Kubernetes probes and hooks skip verification
    return context


class TlsChannel:
    """Encrypts what goes over another channel."""

    def __init__(self, below: Channel, *, server_name: str) -> None:
        import ssl  # noqa: PLC0415  see _context

        context = _context()  # first: it loads ssl, whose exceptions would be stand-ins before
        self._below = below
        self._wants_read = ssl.SSLWantReadError
        self._failures = ssl.SSLError
        self._ended = ssl.SSLZeroReturnError
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name or None)
        self._first = b""

    async def handshake(self) -> None:
        """Agree on keys.

        Raises:
            ProbeError: The other side does not speak TLS, or not ours.
        """
        while True:
            try:
                self._tls.do_handshake()
            except self._wants_read:
                await self._flush()
                await self._fill()
            except self._failures as error:
                if self._first.startswith(b"HTTP/"):
                    raise ProbeError(_PLAIN_HTTP, plain_http=True) from error
                raise ProbeError(f"tls: {error.reason or error}".lower().replace("_", " ")) from error
            else:
                await self._flush()
                return

    async def send(self, data: bytes) -> None:
        """Write all of it."""
        self._tls.write(data)
        await self._flush()

    async def receive(self) -> bytes:
        """Read what is there; b"" at the end, however it was told."""
        while True:
            try:
                return self._tls.read(_CHUNK_BYTES)
            except self._wants_read:
                await self._flush()
                await self._fill()
            except self._ended:
                return b""
            except self._failures:
                if self._incoming.eof:
                    return b""  # many servers just close
                raise

    async def _flush(self) -> None:
        if data := self._outgoing.read():
            await self._below.send(data)

    async def _fill(self) -> None:
        data = await self._below.receive()
        self._first = self._first or data[:8]
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
