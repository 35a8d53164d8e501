"""[network]: addresses of pods."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal

from pydantic import AfterValidator

from edgelet.api import names
from edgelet.config.section import Section


def _pool(value: str) -> str:
    network = ipaddress.ip_network(value)  # raises ValueError with its own clear words
    if network.version != 4 or network.prefixlen > 29:  # noqa: PLR2004  a /30 holds a gateway and one pod
        raise ValueError(f"{value!r}: an IPv4 network of /29 or larger expected")
    return str(network)


def _bridge(value: str) -> str:
    if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_.-]{0,14}", value):
        raise ValueError(f"{value!r} is no name of a network interface (at most 15 characters)")
    return value


def _domain(value: str) -> str:
    if fault := names.dns_subdomain(value):
        raise ValueError(f"{value!r} is no DNS domain: {fault}")
    return value


class NetworkSettings(Section):
    """The bridge that pods without host network hang on."""

    bridge: Annotated[str, AfterValidator(_bridge)] = "edgelet0"
    pool: Annotated[str, AfterValidator(_pool)] = "10.77.0.0/16"
    sandbox: Literal["auto", "pinned", "infra"] = "auto"
    pod_dns: Literal["off", "aardvark"] = "off"  # who answers pods that ask for pods
    cluster_domain: Annotated[str, AfterValidator(_domain)] = "cluster.local"
