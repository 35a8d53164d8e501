"""The board itself: what it is, what it has, how much of it is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What does not change while the agent runs (Kubernetes' nodeInfo and capacity)."""

    hostname: str
    architecture: str  # Go's word: amd64, arm64, arm
    operating_system: str  # linux
    os_image: str  # PRETTY_NAME of os-release
    kernel_version: str
    machine_id: str
    system_uuid: str
    boot_id: str
    cpus: int
    memory_bytes: int
    huge_pages: Mapping[int, int] = field(default_factory=dict)  # size of a page -> bytes in pages of that size

    @property
    def huge_page_bytes(self) -> int:
        """What of the memory is in huge pages, of no use for anything else."""
        return sum(self.huge_pages.values())


@dataclass(frozen=True, slots=True)
class HostUsage:
    """A sample. cpu_busy_s counts since boot, over all cores."""

    cpu_busy_s: float
    memory_working_set_bytes: int
    memory_available_bytes: int
    disk_total_bytes: int  # file system of the state directory
    disk_available_bytes: int
    network_rx_bytes: int
    network_tx_bytes: int
    temperature_c: float | None
    load_1m: float


@dataclass(frozen=True, slots=True)
class DiskUsage:
    """A file system. `available_bytes`: for root's daemons too, what is reserved does not count."""

    total_bytes: int
    available_bytes: int
    inodes_total: int = 0  # 0: it has no fixed number of them
    inodes_free: int = 0
    device: int = 0


@dataclass(frozen=True, slots=True)
class MemoryUsage:
    """Memory as the kubelet counts it: what is not in the node's working set is available."""

    total_bytes: int
    available_bytes: int


@dataclass(frozen=True, slots=True)
class TaskUsage:
    """Processes and threads of the whole board."""

    limit: int
    running: int


class Host(Protocol):
    """Facts and samples of this machine."""

    def facts(self) -> HostFacts: ...

    def usage(self) -> HostUsage: ...

    def memory(self) -> MemoryUsage:
        """Sample the memory alone: one read of a file that stays open. Raises OSError."""
        ...

    def tasks(self) -> TaskUsage:
        """Count processes and threads. Raises OSError."""
        ...

    def disk(self, path: str) -> DiskUsage:
        """Sample the file system that a path is on, or will be on once it is made. Raises OSError."""
        ...

    def addresses(self) -> tuple[str, ...]:
        """Addresses of this board, the one of the default route first, loopback only if there is no other."""
        ...

    def clock_synchronized(self) -> bool: ...
