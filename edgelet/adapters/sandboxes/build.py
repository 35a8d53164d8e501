"""The kernel's part of one sandbox: bridge, namespaces, the pair between them, and their removal. Blocking.

Every function runs in a thread of its own (netns.thread): `make` leaves that thread in the new namespaces.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from edgelet.adapters.host import mounts
from edgelet.adapters.netlink.channel import Channel
from edgelet.adapters.netlink.links import Link, Links
from edgelet.adapters.netns import pin, thread
from edgelet.adapters.sandboxes import pool as pools
from edgelet.ports.runtime import SandboxSpec

KINDS: Mapping[str, int] = {"net": thread.NEW_NET, "ipc": thread.NEW_IPC, "uts": thread.NEW_UTS}
SHM, HOSTNAME = "shm", "hostname"
_SHM_BYTES = 64 * 1024 * 1024  # as the kubelet's runtimes have it
_SYSCTL = Path("/proc/sys")
_INTERFACE = "eth0"
_LOOPBACK_INDEX = 1  # in every namespace


@dataclass(frozen=True, slots=True)
class Wires:
    """The bridge and the addresses on it."""

    bridge: str
    pool: IPv4Network

    @property
    def prefix(self) -> str:
        """What the names of our pairs begin with: another bridge, another beginning."""
        return f"ve{hashlib.sha256(self.bridge.encode()).hexdigest()[:5]}"

    def veth(self, sandbox_id: str) -> str:
        """Return the name of the node's end."""
        return f"{self.prefix}{hashlib.sha256(sandbox_id.encode()).hexdigest()[:8]}"


def kinds(spec: SandboxSpec) -> tuple[str, ...]:
    """Return the namespaces that the pod has of its own."""
    network = () if spec.host_network else ("net", "uts")
    return (*network, *(() if spec.host_ipc else ("ipc",)))


def ensure_bridge(links: Links, wires: Wires) -> Link:
    """Make the bridge, or mend one that is there. In the node's namespaces.

    Raises:
        OSError: The name is taken by something that is no bridge; the kernel refuses.
    """
    gateway = pools.gateway(wires.pool)
    found = links.find(wires.bridge)
    if found is None:
        links.make_bridge(wires.bridge, mac=pools.mac(gateway.ip))
        found = links.find(wires.bridge)
    if found is None or found.kind != "bridge":
        raise FileExistsError(f"the interface {wires.bridge} is no bridge; set another [network] bridge")
    if not found.up:
        links.set_up(found.index)
    if gateway not in links.addresses(found.index):
        links.add_address(found.index, gateway)
    # So that the node itself reaches host ports at 127.0.0.1; the table keeps pods off the node's loopback.
    _set(_SYSCTL / "net/ipv4/conf" / wires.bridge / "route_localnet", "1")
    _set(_SYSCTL / "net/ipv4/ip_forward", "1")
    return found


def remove_idle_bridge(wires: Wires) -> None:
    """Remove the bridge if nothing hangs on it. Raises OSError."""
    with Channel() as channel:
        links = Links(channel)
        every = links.every()
        found = next((each for each in every if each.name == wires.bridge and each.kind == "bridge"), None)
        if found is not None and all(each.master != found.index for each in every):
            links.delete(found.name)


def make(spec: SandboxSpec, *, folder: Path, sandbox_id: str, address: IPv4Address | None, wires: Wires) -> None:
    """Make the namespaces and pin them in the folder. The calling thread stays in them: it must end afterwards.

    Raises:
        OSError: The kernel refuses; parts may be left.
    """
    folder.mkdir(mode=0o700, parents=True)
    own = kinds(spec)
    if "uts" in own:
        (folder / HOSTNAME).write_text(f"{spec.hostname}\n")
        (folder / HOSTNAME).chmod(0o644)
    if "ipc" in own:
        (folder / SHM).mkdir(mode=0o700)
        mounts.mount_tmpfs(
            str(folder / SHM), size_bytes=_SHM_BYTES, mode=0o1777, flags=mounts.MS_NOSUID | mounts.MS_NODEV
        )
    if not own:
        return
    with contextlib.ExitStack() as stack:
        node = Links(stack.enter_context(Channel()))  # stays in the node's namespace
        bridge = ensure_bridge(node, wires) if address else None
        thread.unshare(sum(KINDS[kind] for kind in own))
        for kind in own:
            pin.pin(kind, folder / kind)
        if "uts" in own:
            socket.sethostname(spec.hostname)
        if address and bridge:
            _wire(node, bridge, name=wires.veth(sandbox_id), address=address, pool=wires.pool)
        for name, value in spec.sysctls.items():
            _tune(name, value)


def _tune(name: str, value: str) -> None:
    """Set a sysctl by its name; a slash there is a dot in the name of an interface."""
    try:
        _set(_SYSCTL / name.translate(str.maketrans("./", "/.")), value)
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror}: sysctl {name}={value}") from error


def is_whole(spec: SandboxSpec, folder: Path) -> bool:
    """Whether every namespace is pinned."""
    return all(pin.is_pinned(folder / kind) for kind in kinds(spec))


def remove(folder: Path, *, veth: str) -> None:
    """Remove all of it, in any state. Raises OSError."""
    with Channel() as channel:
        Links(channel).delete(veth)
    if not folder.exists():
        return
    for kind in KINDS:
        pin.unpin(folder / kind)
    for point in mounts.mounted_below(str(folder)):
        mounts.unmount(point)
    (folder / HOSTNAME).unlink(missing_ok=True)
    with contextlib.suppress(FileNotFoundError):
        (folder / SHM).rmdir()
    folder.rmdir()


def _wire(node: Links, bridge: Link, *, name: str, address: IPv4Address, pool: IPv4Network) -> None:
    descriptor = os.open(pin.OWN / "net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        node.make_veth(name, master=bridge.index, peer=_INTERFACE, peer_mac=pools.mac(address), peer_netns=descriptor)
    finally:
        os.close(descriptor)
    made = node.find(name)
    if made is not None:
        node.set_hairpin(made.index)
    with Channel() as channel:
        inside = Links(channel)
        inside.set_up(_LOOPBACK_INDEX)
        own = inside.find(_INTERFACE)
        if own is None:
            raise FileNotFoundError(f"the pod has no {_INTERFACE}")
        inside.set_up(own.index)
        inside.add_address(own.index, pools.interface(address, pool))
        inside.add_default_route(own.index, pools.gateway(pool).ip)


def _set(path: Path, value: str) -> None:
    if path.read_text().strip() != value:
        path.write_text(value)
