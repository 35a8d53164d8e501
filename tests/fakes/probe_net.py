"""A network of servers in memory, for ports.probe_net; `listen`, `serve` and `health` are the tests' handles."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from edgelet.api.errors import ProbeError
from edgelet.ports.probe_net import BODY_LIMIT_BYTES, HealthReply, HttpGet, HttpReply


@dataclass(frozen=True, slots=True)
class Page:
    """What a server answers. `delay_s` None: never."""

    status: int = 200
    body: bytes = b""
    location: str = ""
    delay_s: float | None = 0.0


Answer = Callable[[HttpGet], Page]


@dataclass
class _Listener:
    page: Answer | None = None
    tls: bool = False
    health: dict[str, str] | None = None  # by service
    hangs: bool = False


@dataclass
class FakeProbeNet:
    """Passes the contract suite of ports.probe_net.ProbeNet."""

    asked: list[HttpGet] = field(default_factory=list)
    connected: list[tuple[str, int]] = field(default_factory=list)
    health_asked: list[tuple[str, int, str]] = field(default_factory=list)
    open_by_default: bool = False  # where nobody listens, connections are taken nevertheless
    _listeners: dict[tuple[str, int], _Listener] = field(default_factory=dict)

    def listen(self, host: str, port: int, *, hangs: bool = False) -> None:
        """Accept connections, and say nothing."""
        self._listeners[host, port] = _Listener(hangs=hangs)

    def serve(self, host: str, port: int, page: Answer | Page, *, tls: bool = False) -> None:
        """Answer GETs."""
        self._listeners[host, port] = _Listener(page=page if callable(page) else lambda _: page, tls=tls)

    def health(self, host: str, port: int, services: dict[str, str]) -> None:
        """Answer Health/Check by service; an unknown one is NOT_FOUND."""
        self._listeners[host, port] = _Listener(health=services)

    def close(self, host: str, port: int) -> None:
        """Refuse connections from now on."""
        self._listeners.pop((host, port), None)

    async def get(self, request: HttpGet, *, timeout_s: float) -> HttpReply:
        url = f"{request.scheme}://{request.host}:{request.port}{request.path}"
        try:
            async with asyncio.timeout(timeout_s):
                return await self._get(request)
        except TimeoutError as error:
            why = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
            raise ProbeError(f'Get "{url}": {why}') from error
        except ProbeError as error:
            raise ProbeError(f'Get "{url}": {error.message}', plain_http=error.plain_http) from error

    async def connect(self, host: str, port: int, *, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._connect(host, port)
        except TimeoutError as error:
            raise ProbeError(f"dial tcp {host}:{port}: i/o timeout") from error

    async def check_health(
        self, host: str, port: int, service: str, *, user_agent: str, timeout_s: float
    ) -> HealthReply:
        del user_agent
        self.health_asked.append((host, port, service))
        listener = await self._connect(host, port)
        if listener.health is None:
            await asyncio.sleep(timeout_s)
            raise ProbeError(f"timeout: health rpc did not complete within {timeout_s:g}s")
        found = listener.health.get(service)
        if found is None:
            return HealthReply(5, "unknown service")
        serving = next(name for name in ("SERVING", "NOT_SERVING", "SERVICE_UNKNOWN", "UNKNOWN") if name == found)
        return HealthReply(0, serving=serving)

    async def _connect(self, host: str, port: int) -> _Listener:
        self.connected.append((host, port))
        listener = self._listeners.get((host, port))
        if listener is None and self.open_by_default:
            return _Listener()
        if listener is None:
            raise ProbeError(f"dial tcp {host}:{port}: connect: connection refused")
        if listener.hangs:
            await asyncio.Event().wait()
        return listener

    async def _get(self, request: HttpGet) -> HttpReply:
        asked = request
        for _ in range(10):
            page = await self._once(asked)
            if not 300 <= page.status < 400 or not page.location:
                return HttpReply(page.status, page.body[:BODY_LIMIT_BYTES])
            parts = urlsplit(urljoin(f"{asked.scheme}://{asked.host}:{asked.port}{asked.path}", page.location))
            if parts.hostname != request.host:
                return HttpReply(page.status, page.body[:BODY_LIMIT_BYTES])
            asked = dataclasses.replace(asked, port=parts.port or 80, path=parts.path)
        raise ProbeError("stopped after 10 redirects")

    async def _once(self, request: HttpGet) -> Page:
        self.asked.append(request)
        listener = await self._connect(request.host, request.port)
        if listener.page is None:
            await asyncio.Event().wait()
            raise AssertionError
        if request.scheme == "https" and not listener.tls:
            raise ProbeError("http: server gave HTTP response to HTTPS client", plain_http=True)
        page = listener.page(request)
        if page.delay_s is None:
            await asyncio.Event().wait()
        await asyncio.sleep(page.delay_s or 0.0)
        return page
