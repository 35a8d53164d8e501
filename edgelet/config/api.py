"""[api]: the local API."""

from __future__ import annotations

from pydantic import Field

from edgelet.config.paths import AbsolutePath
from edgelet.config.section import Section


class ApiSettings(Section):
    """A unix socket, 0660 root:group, and the kernel's word for who is at the other end. There is no TCP."""

    socket: AbsolutePath | None = None  # none = <paths.run>/edgelet.sock
    group: str = "edgelet"
    users: tuple[str, ...] = ()  # names or numbers of users who may ask too; with them the file is 0666
    connections: int = Field(default=64, ge=1)
    max_body_bytes: int = Field(default=3 * 1024 * 1024, ge=1024)
