"""A board of paper: facts and samples are set by the test."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from edgelet.ports.host import DiskUsage, HostFacts, HostUsage, MemoryUsage, TaskUsage

FACTS = HostFacts(
    hostname="pi-01",
    architecture="arm64",
    operating_system="linux",
    os_image="Debian GNU/Linux 12 (bookworm)",
    kernel_version="6.6.51-v8",
    machine_id="5b1c0ffee5b1c0ffee5b1c0ffee5b1c0",
    system_uuid="5b1c0ffee5b1c0ffee5b1c0ffee5b1c0",
    boot_id="0b00710b-0071-0b00-710b-00710b00710b",
    cpus=4,
    memory_bytes=4 * 1024**3,
)
USAGE = HostUsage(
    cpu_busy_s=100.0,
    memory_working_set_bytes=1024**3,
    memory_available_bytes=3 * 1024**3,
    disk_total_bytes=32 * 10**9,
    disk_available_bytes=16 * 10**9,
    network_rx_bytes=1000,
    network_tx_bytes=2000,
    temperature_c=48.5,
    load_1m=0.25,
)


class FakeHost:
    """The Host port; change its answers with `set_facts` and `set_usage`."""

    def __init__(self, *, addresses: tuple[str, ...] = ("192.168.1.10",), synchronized: bool = True) -> None:
        self.known_facts = FACTS
        self.known_tasks = TaskUsage(limit=32768, running=300)
        self.disks: dict[str, DiskUsage] = {}
        self.sample = USAGE
        self.known_addresses = addresses
        self.synchronized = synchronized

    def set_facts(self, **changes: Any) -> None:
        self.known_facts = replace(self.known_facts, **changes)

    def set_usage(self, **changes: Any) -> None:
        self.sample = replace(self.sample, **changes)

    def facts(self) -> HostFacts:
        return self.known_facts

    def usage(self) -> HostUsage:
        return self.sample

    def memory(self) -> MemoryUsage:
        return MemoryUsage(self.known_facts.memory_bytes, self.sample.memory_available_bytes)

    def tasks(self) -> TaskUsage:
        return self.known_tasks

    def disk(self, path: str) -> DiskUsage:
        if path in self.disks:
            return self.disks[path]
        return DiskUsage(self.sample.disk_total_bytes, self.sample.disk_available_bytes)

    def addresses(self) -> tuple[str, ...]:
        return self.known_addresses

    def clock_synchronized(self) -> bool:
        return self.synchronized
