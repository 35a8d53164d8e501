"""[mqtt]: the link."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from edgelet.api import topic_prefix
from edgelet.config.paths import AbsolutePath
from edgelet.config.section import Section


def broker_url(value: str) -> str:
    """Return the URL as it is, or raise ValueError."""
    if value == "":
        return value
    parts = urlsplit(value)
    if parts.scheme not in {"mqtt", "mqtts"}:
        raise ValueError(f"{value!r}: mqtt://HOST[:PORT] or mqtts://HOST[:PORT] expected")
    if parts.username or parts.password:
        raise ValueError("a user name or password does not belong into the URL: see username and password_file")
    if not parts.hostname or parts.path not in {"", "/"} or parts.query:
        raise ValueError(f"{value!r}: mqtt://HOST[:PORT] or mqtts://HOST[:PORT] expected")
    try:
        _ = parts.port
    except ValueError:
        raise ValueError(f"{value!r}: the port is not in 1..65535") from None
    return value


def _prefix(value: str) -> str:
    if fault := topic_prefix.fault(value):
        raise ValueError(fault)
    return value


class MqttSettings(Section):
    """An empty url means no link: manifests and the local API only."""

    url: Annotated[str, AfterValidator(broker_url)] = ""
    prefix: Annotated[str, AfterValidator(_prefix)] = "edgelet/v1"
    client_cert: AbsolutePath | None = None
    client_key: AbsolutePath | None = None
    ca: AbsolutePath | None = None
    username: str = ""
    password_file: AbsolutePath | None = None  # one line
    keepalive_s: int = Field(default=180, ge=5, le=65535)
    session_expiry_s: int = Field(default=7 * 24 * 3600, ge=0, le=0xFFFFFFFF)
    will_delay_s: int = Field(default=10, ge=0, le=3600)
    reconnect_max_s: int = Field(default=120, ge=1, le=3600)
    status_interval_s: float = Field(default=1.0, ge=0.0)  # between two statuses of one pod
    node_interval_s: float = Field(default=21600.0, ge=10.0)  # status/node is repeated that often where nothing changed
    outbox_bytes: int = Field(default=8 * 1024 * 1024, ge=65536)
    inbox_messages: int = Field(default=64, ge=1)
