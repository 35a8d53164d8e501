"""The table as nft reads it: whole, in one transaction, and nothing outside of it. Pure."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from edgelet.api.errors import EngineError
from edgelet.ports.runtime import PortMapping

_EVERY_ADDRESS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104  what a manifest says for all addresses
_FOREIGN = re.compile(r"[^A-Za-z0-9_]")
_PROTOCOLS = {"TCP": "tcp", "UDP": "udp", "SCTP": "sctp"}


@dataclass(frozen=True, slots=True)
class Forward:
    """A port of the node and whose it is."""

    port: PortMapping
    to: IPv4Address


def table_name(bridge: str) -> str:
    """Return the table's name: one per bridge, so that two agents have two."""
    clean = _FOREIGN.sub("_", bridge)
    digest = "" if clean == bridge else f"_{hashlib.sha256(bridge.encode()).hexdigest()[:8]}"
    return f"edgelet_{clean}{digest}"


def check(ports: Iterable[PortMapping]) -> None:
    """Refuse what cannot be forwarded.

    Raises:
        EngineError: FailedCreatePodSandBox: a host address that is no IPv4 address; pods have IPv4 only.
    """
    for port in ports:
        try:
            _ = port.host_ip in _EVERY_ADDRESS or IPv4Address(port.host_ip)
        except ipaddress.AddressValueError as error:
            raise EngineError(
                "FailedCreatePodSandBox",
                f"cannot forward port {port.host_port} of {port.host_ip}: only IPv4 addresses lead to pods",
            ) from error


def overlap(one: PortMapping, other: PortMapping) -> bool:
    """Whether both want the same packets."""
    if (one.protocol, one.host_port) != (other.protocol, other.host_port):
        return False
    return one.host_ip == other.host_ip or bool({one.host_ip, other.host_ip} & _EVERY_ADDRESS)


def covers(port: PortMapping, address: IPv4Address) -> bool:
    """Whether the port is offered at this address of the node."""
    return port.host_ip in _EVERY_ADDRESS or port.host_ip == str(address)


def render(*, bridge: str, pool: IPv4Network, forwards: Iterable[Forward]) -> str:
    """Return the script. It replaces the table: made if missing, deleted, made again, all at once or not at all.

    - Traffic of pods that leaves the bridge gets the node's address.
    - A port of the node is found from outside, from pods (also by its own pod: it needs the node's address then, or
      the answer would go straight back and be thrown away), and from the node itself, localhost included: the bridge
      has route_localnet, and pods are kept off the node's loopback in exchange (CVE-2020-8558).
    """
    name = table_name(bridge)
    # Those that name an address come first: the more exact one wins.
    ordered = sorted(forwards, key=lambda each: (each.port.host_ip in _EVERY_ADDRESS, str(each.port), each.to))
    lines = "".join(f"    {_forward(each)}\n" for each in ordered)
    return f"""\
table ip {name}
delete table ip {name}
table ip {name} {{
  chain host_ports {{
{lines}  }}
  chain prerouting {{
    type nat hook prerouting priority -100; policy accept;
    fib daddr type local jump host_ports
  }}
  chain output {{
    type nat hook output priority -100; policy accept;
    fib daddr type local jump host_ports
  }}
  chain postrouting {{
    type nat hook postrouting priority 100; policy accept;
    ip saddr {pool} oifname != "{bridge}" ip daddr != 224.0.0.0/4 masquerade
    ip saddr {pool} oifname "{bridge}" ct status dnat masquerade
    ip saddr 127.0.0.0/8 oifname "{bridge}" masquerade
  }}
  chain input {{
    type filter hook input priority 0; policy accept;
    iifname "{bridge}" ip daddr 127.0.0.0/8 ct state != {{ established, related }} drop
  }}
}}
"""


def _forward(forward: Forward) -> str:
    port = forward.port
    where = "" if port.host_ip in _EVERY_ADDRESS else f"ip daddr {port.host_ip} "
    return f"{where}{_PROTOCOLS[port.protocol]} dport {port.host_port} dnat to {forward.to}:{port.container_port}"
