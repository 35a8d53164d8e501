"""How much memory the node has left, as the kubelet counts it: capacity without the root control group's working set.

A working set is usage without inactive files; the root's usage is anonymous memory and files. The same counters stand
in /proc/meminfo, to the page, whatever the version of control groups, and where the kernel keeps no account of memory
by group. A read of the root's memory.stat would have the kernel add up every group first: ten times the price.

Source: Kubernetes pkg/kubelet/eviction/helpers.go makeMemoryAvailableSignalObservation; opencontainers/cgroups
fs2/memory.go rootStatsFromMeminfo; Linux mm/memcontrol.c mem_cgroup_usage, fs/proc/meminfo.c.
"""

from __future__ import annotations

import os
from pathlib import Path

from edgelet.ports.host import MemoryUsage

_READ_BYTES = 8192
_FILES = (b"Cached:", b"Buffers:", b"SwapCached:")


class MemoryFiles:
    """Keeps /proc/meminfo open: a sample costs one pread. `root` is where /proc lies. Raises OSError."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._info = os.open(root / "proc/meminfo", os.O_RDONLY | os.O_CLOEXEC)

    def sample(self) -> MemoryUsage:
        """Read now.

        Raises:
            OSError: The file does not say what it should.
        """
        lines = b"\n" + os.pread(self._info, _READ_BYTES, 0)
        total = _field(lines, b"MemTotal:")
        usage = _field(lines, b"AnonPages:") + sum(_field(lines, name) for name in _FILES)
        working_set = max(0, usage - _field(lines, b"Inactive(file):"))
        return MemoryUsage(total, max(0, total - working_set))

    def close(self) -> None:
        """Close the file."""
        os.close(self._info)


def _field(lines: bytes, name: bytes) -> int:
    at = lines.find(b"\n" + name)
    if at < 0:
        raise OSError(f"/proc/meminfo has no line {name.decode()}")
    return int(lines[at + len(name) + 1 :].split(None, 1)[0]) * 1024
