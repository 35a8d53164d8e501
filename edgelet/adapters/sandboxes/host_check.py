"""Whether this board can have sandboxes without an infra container: tried out, once, where nobody sees it.

The trial makes a bridge, a pair, the pins and the table in a network namespace of its own, which ends with it. Once in
a boot is enough: an agent that starts again has pods to look after. The firewall is asked each time.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from edgelet.adapters.netlink.channel import Channel
from edgelet.adapters.netlink.links import Links
from edgelet.adapters.netns import thread
from edgelet.adapters.nftables import ruleset, table
from edgelet.adapters.sandboxes import build
from edgelet.adapters.sandboxes import pool as pools
from edgelet.adapters.sandboxes.build import Wires
from edgelet.api.errors import EngineError
from edgelet.ports.runtime import PodRef, PortMapping, SandboxSpec

_TRIAL = "trial"
_SPEC = SandboxSpec(
    pod=PodRef(_TRIAL, _TRIAL, _TRIAL),
    hostname=_TRIAL,
    ports=tuple(PortMapping(1, 1, protocol) for protocol in ("TCP", "UDP", "SCTP")),
)
_FIREWALLS = frozenset({"firewalld"})  # rejects at the end of a chain whose policy is accept
_LEGACY_TABLES = Path("/proc/net/ip_tables_names")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_TIMEOUT_S = 20.0


async def why_not(directory: Path, *, pool: str) -> str:
    """Return why pods cannot have pinned sandboxes here, "" if they can.

    Args:
        directory: Where they would be kept.
        pool: Their addresses.
    """
    return await thread.run_apart(lambda: _why_not(directory, IPv4Network(pool)), name="trial")


def _why_not(directory: Path, pool: IPv4Network) -> str:
    if not table.program():
        return "nft is not installed; install the package nftables"
    if closed := _closed(pool):
        return closed
    passed, boot_id = directory.with_suffix(".tried"), _BOOT_ID.read_text()
    if passed.exists() and passed.read_text() == boot_id:
        return ""
    why = _try_out(directory, pool)
    if not why:
        passed.write_text(boot_id)
    return why


def _try_out(directory: Path, pool: IPv4Network) -> str:
    folder = directory / f".{_TRIAL}"
    wires = Wires("eltrial0", pool)
    try:
        build.remove(folder, veth=wires.veth(_TRIAL))  # of a trial that was cut short
        thread.unshare(thread.NEW_NET)
        try:
            thread.run(lambda: _make(folder, wires), name="trial-pod")
            whole = build.is_whole(_SPEC, folder)
        finally:
            build.remove(folder, veth=wires.veth(_TRIAL))
        forwards = [ruleset.Forward(port, pools.gateway(pool).ip) for port in _SPEC.ports]
        table.replace(ruleset.render(bridge=wires.bridge, pool=pool, forwards=forwards))
    except OSError as error:
        return f"the kernel does not let us: {error}"
    except EngineError as error:
        return error.message
    return "" if whole else f"a namespace cannot be kept in {directory}"


def _make(folder: Path, wires: Wires) -> None:
    with Channel() as channel:
        build.ensure_bridge(Links(channel), wires)
    build.make(_SPEC, folder=folder, sandbox_id=_TRIAL, address=pools.gateway(wires.pool).ip + 1, wires=wires)


def _closed(pool: IPv4Network) -> str:
    """Say which firewall would stop the pods' traffic: what another table drops, ours cannot let through."""
    listed = _run(table.program(), "-j", "list", "chains")
    objects = json.loads(listed).get("nftables", ()) if listed else ()
    if name := closing_chain(each["chain"] for each in objects if "chain" in each):
        return f"the firewall closes the way of pods: {name}; only the infra container opens it there"
    if _LEGACY_TABLES.exists() and "filter" in _LEGACY_TABLES.read_text().split():
        legacy = shutil.which("iptables-legacy", path="/usr/sbin:/sbin:/usr/bin:/bin")
        if legacy is None or not closing_rules(_run(legacy, "-S", "FORWARD")):
            return ""
        return f"the firewall (iptables-legacy) closes the way of {pool}; only the infra container opens it there"
    return ""


def closing_chain(chains: Iterable[dict[str, Any]]) -> str:
    """Return the chain that would drop forwarded packets, "" if none. Pure."""
    for chain in chains:
        name = f"{chain.get('family')} {chain.get('table')} {chain.get('name')}"
        forward = chain.get("hook") == "forward" and chain.get("family") in {"ip", "inet"}
        if forward and (chain.get("policy") == "drop" or chain.get("table") in _FIREWALLS):
            return name
    return ""


def closing_rules(listed: str) -> bool:
    """Whether `iptables -S FORWARD` shows a policy that lets nothing through. Pure."""
    return any(
        line.split()[:3] == ["-P", "FORWARD", policy] for line in listed.splitlines() for policy in ("DROP", "REJECT")
    )


def _run(*argv: str) -> str:
    try:
        return subprocess.run(argv, capture_output=True, text=True, timeout=_TIMEOUT_S, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
