"""This board: facts once, samples when asked. psutil reads what differs between kernels, files tell the rest."""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from edgelet.adapters.host import identity, routes, tasks, time_sync
from edgelet.adapters.host.memory_files import MemoryFiles
from edgelet.ports.host import DiskUsage, HostFacts, HostUsage, MemoryUsage, TaskUsage

# Traffic and addresses of these are the pods', or the same bytes seen twice.
_INNER_INTERFACES = ("lo", "veth", "podman", "cni", "docker", "br-", "virbr", "edgelet", "tap", "ifb")

Addresses = Mapping[str, tuple[str, ...]]  # interface: its addresses, without scope


class PsutilHost:
    """ports.host.Host.

    Args:
        state_directory: Whose file system is measured.
        bridge: The interface that pods hang on: neither its addresses nor its traffic are the board's.
        root: Where /etc, /proc and /sys lie.
        interface_addresses: Addresses by interface.
        max_error_us: The kernel clock's maximum error.
    """

    def __init__(
        self,
        *,
        state_directory: Path,
        bridge: str = "edgelet0",
        root: Path = Path("/"),
        interface_addresses: Callable[[], Addresses] | None = None,
        max_error_us: Callable[[], int | None] = time_sync.max_error_us,
    ) -> None:
        self._state_directory = state_directory
        self._bridge = bridge
        self._root = root
        self._interface_addresses = interface_addresses or _interface_addresses
        self._max_error_us = max_error_us
        self._memory: MemoryFiles | None = None

    def facts(self) -> HostFacts:
        """Read what stays as it is while the agent runs."""
        name = os.uname()
        return HostFacts(
            hostname=name.nodename.strip().lower(),
            architecture=identity.architecture(name.machine, pointer_bits=struct.calcsize("P") * 8),
            operating_system="linux",
            os_image=identity.os_image(self._root),
            kernel_version=name.release,
            machine_id=identity.machine_id(self._root),
            system_uuid=identity.system_uuid(self._root),
            boot_id=identity.boot_id(self._root),
            cpus=psutil.cpu_count() or 1,
            memory_bytes=psutil.virtual_memory().total,
            huge_pages=identity.huge_pages(self._root),
        )

    def usage(self) -> HostUsage:
        """Take a sample: a few reads of /proc, no wait."""
        memory = psutil.virtual_memory()
        times = psutil.cpu_times()
        disk = os.statvfs(self._state_directory)
        received, sent = _traffic(self._bridge)
        return HostUsage(
            # Guests are in user and nice already; waiting for disks and stolen time are not ours.
            cpu_busy_s=times.user + times.nice + times.system + times.irq + times.softirq,
            memory_working_set_bytes=memory.total - memory.available,
            memory_available_bytes=memory.available,
            disk_total_bytes=disk.f_blocks * disk.f_frsize,
            disk_available_bytes=disk.f_bavail * disk.f_frsize,
            network_rx_bytes=received,
            network_tx_bytes=sent,
            temperature_c=identity.temperature_c(self._root),
            load_1m=os.getloadavg()[0],
        )

    def memory(self) -> MemoryUsage:
        """Sample the memory alone."""
        if self._memory is None:
            self._memory = MemoryFiles(self._root)
        return self._memory.sample()

    def tasks(self) -> TaskUsage:
        """Count processes and threads."""
        return tasks.sample(self._root)

    def disk(self, path: str) -> DiskUsage:
        """Sample a file system; a path that is not there yet stands for the directory it will be in."""
        place = path
        while True:  # it is there nearly always, and this is asked often
            try:
                device = os.stat(place).st_dev  # noqa: PTH116  half the price of pathlib's
                break
            except (FileNotFoundError, NotADirectoryError):
                place = os.path.dirname(place) or "/"  # noqa: PTH120
        found = os.statvfs(place)
        return DiskUsage(
            total_bytes=found.f_blocks * found.f_frsize,
            available_bytes=found.f_bavail * found.f_frsize,
            inodes_total=found.f_files,
            inodes_free=found.f_favail,
            device=device,
        )

    def addresses(self) -> tuple[str, ...]:
        """Return the board's addresses: those of the default routes' interfaces first, IPv4 before IPv6."""
        interfaces = {name: found for name, found in self._interface_addresses().items() if name != self._bridge}
        return ordered_addresses(
            interfaces,
            first_v4=routes.default_interfaces_v4(identity.read(self._root / "proc/net/route")),
            first_v6=routes.default_interfaces_v6(identity.read(self._root / "proc/net/ipv6_route")),
        )

    def clock_synchronized(self) -> bool:
        """Tell whether something keeps the kernel's clock right."""
        return time_sync.synchronized(self._max_error_us())


def ordered_addresses(
    interfaces: Addresses, *, first_v4: tuple[str, ...], first_v6: tuple[str, ...]
) -> tuple[str, ...]:
    """Put addresses in the order they are told in; loopback only if there is nothing else, link-local never."""
    ranked: list[tuple[bool, int, int, str]] = []
    for place, (interface, addresses) in enumerate(sorted(interfaces.items())):
        # A bridge that carries the default route is the board's own, whatever its name.
        if interface.startswith(_INNER_INTERFACES) and interface not in (*first_v4, *first_v6):
            continue
        for text in addresses:
            address = ipaddress.ip_address(text)
            if address.is_loopback or address.is_link_local:
                continue
            first = first_v4 if address.version == 4 else first_v6  # noqa: PLR2004  IP's version
            outward = interface in first
            ranked.append((not outward, address.version, first.index(interface) if outward else place, text))
    return tuple(dict.fromkeys(text for *_, text in sorted(ranked, key=lambda entry: entry[:3]))) or ("127.0.0.1",)


def _interface_addresses() -> Addresses:
    families = (socket.AF_INET, socket.AF_INET6)
    return {
        interface: tuple(found.address.partition("%")[0] for found in addresses if found.family in families)
        for interface, addresses in psutil.net_if_addrs().items()
    }


def _traffic(bridge: str) -> tuple[int, int]:
    received = sent = 0
    # nowrap keeps counters of every interface there ever was, and each pod brings a new one: 0.5 KB a pod for ever.
    for interface, counters in psutil.net_io_counters(pernic=True, nowrap=False).items():
        if interface != bridge and not interface.startswith(_INNER_INTERFACES):
            received += counters.bytes_recv
            sent += counters.bytes_sent
    return received, sent
