"""[api]: the local API."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from edgelet.config.paths import AbsolutePath
from edgelet.config.section import Section

_ADDRESS = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:\[\]]+)):(\d{1,5})")
_LAST_PORT = 65535


def _address(value: str) -> str:
    if value and host_and_port(value) is None:
        raise ValueError(f"{value!r}: HOST:PORT or [HOST]:PORT expected")
    return value


def host_and_port(value: str) -> tuple[str, int] | None:
    """Return what a listening address says; None where it says nothing usable."""
    match = _ADDRESS.fullmatch(value)
    if match is None or not 0 < int(match[3]) <= _LAST_PORT:
        return None
    return match[1] or match[2], int(match[3])


class ApiSettings(Section):
    """A unix socket, 0660 root:group, and the kernel's word for who is at the other end.

    TCP where it is asked for, and then with TLS and certificates on both sides alone.
    """

    socket: AbsolutePath | None = None  # none = <paths.run>/edgelet.sock
    group: str = "edgelet"
    users: tuple[str, ...] = ()  # names or numbers of users who may ask too; with them the file is 0666
    tcp_listen: Annotated[str, AfterValidator(_address)] = ""  # HOST:PORT or [HOST]:PORT; empty: nothing listens on TCP
    tcp_cert: AbsolutePath | None = None
    tcp_key: AbsolutePath | None = None
    tcp_client_ca: AbsolutePath | None = None
    tcp_crl: AbsolutePath | None = None
    tcp_clients: tuple[str, ...] = ()  # common names of client certificates
    connections: int = Field(default=64, ge=1)
    max_body_bytes: int = Field(default=3 * 1024 * 1024, ge=1024)
