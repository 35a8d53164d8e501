"""Where the broker is: mqtt://host[:1883], mqtts://host[:8883], unix:///path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from edgelet.api.errors import BusError

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed broker URL. For a unix socket `host` is its path and `port` is 0."""

    transport: Literal["tcp", "unix"]
    host: str
    port: int
    tls: bool

    def __str__(self) -> str:
        if self.transport == "unix":
            return f"unix://{self.host}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"


def parse(url: str) -> Address:
    """Return the address of a URL.

    Raises:
        BusError: InvalidURL. A user or password inside the URL is refused too: it would end up in logs and `ps`.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BusError("InvalidURL", f"cannot use broker URL: {error}") from error
    if parts.username is not None or parts.password is not None:
        raise BusError("InvalidURL", "cannot use broker URL: give the login as username and password_file instead")
    if parts.query or parts.fragment:
        raise BusError("InvalidURL", f"cannot use broker URL {url!r}: it ends after the port")
    if parts.scheme == "unix":
        if parts.netloc or not parts.path.startswith("/"):
            raise BusError("InvalidURL", f"cannot use broker URL {url!r}: write unix:///absolute/path")
        return Address("unix", parts.path, 0, tls=False)
    if parts.scheme not in _PORTS:
        raise BusError("InvalidURL", f"cannot use broker URL {url!r}: it starts with mqtt://, mqtts:// or unix://")
    if not parts.hostname or parts.path not in {"", "/"}:
        raise BusError("InvalidURL", f"cannot use broker URL {url!r}: write {parts.scheme}://host:port")
    if port is not None and not 0 < port <= _MAX_PORT:
        raise BusError("InvalidURL", f"cannot use broker URL {url!r}: port {port} is not in 1..65535")
    return Address("tcp", parts.hostname, port or _PORTS[parts.scheme], tls=parts.scheme == "mqtts")
