"""Our table in the kernel: put there by nft, watched over by one netlink question. Blocking."""

from __future__ import annotations

import errno
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterable
from ipaddress import IPv4Network

from edgelet.adapters.netlink import conntrack, message
from edgelet.adapters.netlink.channel import Channel, NetlinkError
from edgelet.adapters.netlink.links import Links
from edgelet.adapters.nftables import flows
from edgelet.adapters.nftables.ruleset import Forward
from edgelet.api.errors import EngineError

_GET_TABLE = 10 << 8 | 1  # NFNL_SUBSYS_NFTABLES, NFT_MSG_GETTABLE. Source: linux/netfilter/nf_tables.h
_TABLE_NAME, _TABLE_HANDLE = 1, 4
_GENMSG = struct.Struct("=BBH")
_TIMEOUT_S = 20.0


def program() -> str:
    """Return nft's path, "" where it is not installed."""
    return shutil.which("nft", path="/usr/sbin:/sbin:/usr/local/sbin:/usr/bin:/bin") or ""


def replace(script: str) -> None:
    """Run a script of nft, all of it or nothing.

    Raises:
        EngineError: FailedCreatePodSandBox, in nft's words.
    """
    what = "put host ports and masquerade in place"
    try:
        done = subprocess.run(
            (program() or "nft", "-f", "-"),
            input=script,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise EngineError("FailedCreatePodSandBox", f"cannot {what}: nft does not run: {error}") from error
    if done.returncode:
        told = " ".join(done.stderr.split()) or f"nft ended with {done.returncode}"
        raise EngineError("FailedCreatePodSandBox", f"cannot {what}: {told}")


def handle(name: str) -> bytes:
    """Return the kernel's handle of the table; b"" if it is not there. Another handle: another table of the name.

    Raises:
        NetlinkError: The kernel has no nftables.
    """
    payload = _GENMSG.pack(socket.AF_INET, 0, 0) + message.text(_TABLE_NAME, name)
    with Channel(conntrack.NETFILTER) as channel:
        try:
            found = channel.ask(_GET_TABLE, payload, what=f"look for the table {name}")
        except NetlinkError as error:
            if error.errno == errno.ENOENT:
                return b""
            raise
    return message.attributes(found[0][_GENMSG.size :]).get(_TABLE_HANDLE, b"") if found else b""


def settle_flows(forwards: Iterable[Forward], pool: IPv4Network) -> int:
    """Forget UDP flows that go where the table does not lead; return how many. Raises NetlinkError."""
    with Channel() as route:
        local = Links(route).every_address()
    with Channel(conntrack.NETFILTER) as channel:
        found = tuple(flows.stale(conntrack.udp_flows(channel), forwards=tuple(forwards), pool=pool, local=local))
        for flow in found:
            conntrack.forget(channel, flow)
    return len(found)
