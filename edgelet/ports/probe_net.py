"""The network as probes and hooks need it: one question to a container, one answer, within a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

BODY_LIMIT_BYTES = 10 * 1024  # Source: Kubernetes pkg/probe/http: what is read of an answer


@dataclass(frozen=True, slots=True)
class HttpGet:
    """A GET. `headers` are all there are besides Host and Connection; `host_header` "" is host:port itself."""

    host: str
    port: int
    path: str = "/"  # escaped, with its query
    scheme: Literal["http", "https"] = "http"  # https: no certificate is verified
    headers: tuple[tuple[str, str], ...] = ()
    host_header: str = ""


@dataclass(frozen=True, slots=True)
class HttpReply:
    """The last answer: redirects on the same host were followed, one that leads elsewhere is the answer."""

    status: int
    body: bytes  # at most BODY_LIMIT_BYTES


@dataclass(frozen=True, slots=True)
class HealthReply:
    """The answer of grpc.health.v1.Health/Check."""

    code: int  # of gRPC: 0 is OK
    message: str = ""  # of gRPC, where code is not 0
    serving: Literal["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"] = "UNKNOWN"


class ProbeNet(Protocol):
    """Questions over TCP. Each opens its own connection and leaves none.

    Raises ProbeError from each method: no connection, no answer, no answer in time; the message is in Go's words, which
    people know from the events of probes.
    """

    async def get(self, request: HttpGet, *, timeout_s: float) -> HttpReply:
        """Ask by HTTP/1.1. At most ten requests for one answer."""
        ...

    async def connect(self, host: str, port: int, *, timeout_s: float) -> None:
        """Open a TCP connection and close it."""
        ...

    async def check_health(
        self, host: str, port: int, service: str, *, user_agent: str, timeout_s: float
    ) -> HealthReply:
        """Ask grpc.health.v1.Health/Check over HTTP/2 without TLS."""
        ...
