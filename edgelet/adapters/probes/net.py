"""ports.probe_net on asyncio's streams: no thread, no pool, a connection for each question."""

from __future__ import annotations

import asyncio

from edgelet.adapters.probes import channel, http_get
from edgelet.api.errors import ProbeError
from edgelet.ports.probe_net import HealthReply, HttpGet, HttpReply

_NO_ANSWER = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"


class StreamProbeNet:
    """Satisfies ports.probe_net.ProbeNet."""

    async def get(self, request: HttpGet, *, timeout_s: float) -> HttpReply:
        """Ask by HTTP/1.1."""
        asked = http_get.url(request)
        try:
            async with asyncio.timeout(timeout_s):
                return await http_get.get(request)
        except TimeoutError as error:
            raise ProbeError(f'Get "{asked}": {_NO_ANSWER}') from error
        except ProbeError as error:
            raise ProbeError(f'Get "{asked}": {error.message}', plain_http=error.plain_http) from error

    async def connect(self, host: str, port: int, *, timeout_s: float) -> None:
        """Open a connection and close it."""
        try:
            async with asyncio.timeout(timeout_s), channel.opened(host, port):
                pass
        except TimeoutError as error:
            raise ProbeError(f"dial tcp {channel.address(host, port)}: i/o timeout") from error

    async def check_health(
        self, host: str, port: int, service: str, *, user_agent: str, timeout_s: float
    ) -> HealthReply:
        """Ask by gRPC."""
        from edgelet.adapters.probes import grpc_health  # noqa: PLC0415  h2 and hpack, on first use

        try:
            async with asyncio.timeout(timeout_s):
                return await grpc_health.check(host, port, service, user_agent=user_agent)
        except TimeoutError as error:
            raise ProbeError(f"timeout: health rpc did not complete within {timeout_s:g}s") from error
