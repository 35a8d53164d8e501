"""Forwarding rules of host ports that outlived their pod: a stale one comes first and swallows the next pod's traffic.

netavark keeps one chain NETAVARK-DN-<hash> a network, with a DNAT rule a port, and in NETAVARK-HOSTPORT-DNAT a jump a
port, commented "dnat name: <network> id: <container>". That is its iptables driver; the nftables one is not known.
"""

from __future__ import annotations

import ipaddress
import re
import shlex

from edgelet.adapters.podman import netns

_JUMP = re.compile(r'--comment "dnat name: (?P<network>\S+) id: (?P<id>[0-9a-f]{64})"')
_TARGET = re.compile(r"^-A NETAVARK-DN-\S+ .*--to-destination (?P<ip>[0-9.]+):[0-9]+")

Rule = tuple[str, ...]


def read() -> str:
    """Return the nat table as iptables-save writes it; "" where there is none."""
    return netns.run("iptables-save", "-t", "nat")


def present(table: str) -> bool:
    """Whether there is any rule of a host port."""
    return "-A NETAVARK-DN-" in table or "-A NETAVARK-HOSTPORT-DNAT" in table


def owners(table: str, network: str) -> frozenset[str]:
    """Return the ids of containers that rules of this network name."""
    found = (_JUMP.search(line) for line in table.splitlines() if line.startswith("-A NETAVARK-HOSTPORT-DNAT "))
    return frozenset(match["id"] for match in found if match and match["network"] == network)


def stale(table: str, *, network: str, pool: str, gone: frozenset[str], addresses: frozenset[str]) -> tuple[Rule, ...]:
    """Return the rules, as words after -A, of containers that are gone and of addresses in the pool that nobody has."""
    subnet = ipaddress.ip_network(pool)
    rules = []
    for line in table.splitlines():
        jump, target = _JUMP.search(line), _TARGET.search(line)
        of_gone = jump is not None and jump["network"] == network and jump["id"] in gone
        of_nobody = (
            target is not None and ipaddress.ip_address(target["ip"]) in subnet and target["ip"] not in addresses
        )
        if line.startswith("-A NETAVARK-") and (of_gone or of_nobody):
            rules.append(tuple(shlex.split(line)[1:]))
    return tuple(rules)


def delete(rules: tuple[Rule, ...]) -> None:
    """Take rules out."""
    for rule in rules:
        netns.run("iptables", "--wait", "5", "-t", "nat", "-D", *rule)
