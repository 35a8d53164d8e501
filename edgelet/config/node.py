"""[node]: who this board is."""

from __future__ import annotations

import re
import socket
from typing import Annotated

from pydantic import AfterValidator, Field

from edgelet.config.section import Section

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def _dns_label(value: str) -> str:
    if not _LABEL.fullmatch(value):
        raise ValueError(f"{value!r} is no DNS label: lower-case letters, digits and '-', at most 63")
    return value


def _this_host() -> str:
    name = re.sub(r"[^a-z0-9-]+", "-", socket.gethostname().split(".")[0].lower()).strip("-")[:63].strip("-")
    return name or "board"


DnsLabel = Annotated[str, AfterValidator(_dns_label)]


class NodeSettings(Section):
    """The identity `tenant/name`, which is also the common name of the board's certificate."""

    tenant: DnsLabel = "default"
    name: DnsLabel = Field(default_factory=_this_host)  # the host name, made a DNS label
    labels: dict[str, str] = Field(default_factory=dict)
