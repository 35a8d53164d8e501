"""How much memory the node has left, as the kubelet counts it: capacity without the root control group's working set.

Source: Kubernetes pkg/kubelet/eviction/helpers.go makeMemoryAvailableSignalObservation; cadvisor's working set is usage
without inactive_file; opencontainers/cgroups fs2/memory.go rootStatsFromMeminfo: the unified hierarchy's root has no
usage of its own, anon and file of its memory.stat stand for it.
"""

from __future__ import annotations

import os
from pathlib import Path

from edgelet.ports.host import MemoryUsage

_READ_BYTES = 8192


class MemoryFiles:
    """Keeps two files open: a sample costs two preads. `root` is where /proc and /sys lie."""

    def __init__(self, root: Path = Path("/")) -> None:
        group = root / "sys/fs/cgroup"
        unified = (group / "cgroup.controllers").exists()
        self._unified = unified
        self._info = _open(root / "proc/meminfo")
        self._stat = _open((group if unified else group / "memory") / "memory.stat")
        # In a control group namespace the unified root is no real root, and has a usage of its own.
        self._usage = _open(group / "memory.current" if unified else group / "memory/memory.usage_in_bytes")
        self._total_bytes = _field(_pread(self._info), b"MemTotal:", kibibytes=True) or 0

    def sample(self) -> MemoryUsage:
        """Read now. Where the kernel keeps no account of memory by group, MemAvailable stands for it.

        Raises:
            OSError: /proc is not there.
        """
        used = self._working_set_bytes()
        if used is None:
            available = _field(_pread(self._info), b"MemAvailable:", kibibytes=True)
            if available is None:
                raise OSError("/proc/meminfo does not tell what memory is available")
            return MemoryUsage(self._total_bytes, available)
        return MemoryUsage(self._total_bytes, max(0, self._total_bytes - used))

    def _working_set_bytes(self) -> int | None:
        try:
            stat = _pread(self._stat)
        except OSError:
            return None
        inactive = _field(stat, b"inactive_file" if self._unified else b"total_inactive_file")
        if inactive is None:
            return None
        usage = self._usage_bytes(stat)
        return None if usage is None else max(0, usage - inactive)

    def _usage_bytes(self, stat: bytes) -> int | None:
        if self._usage >= 0:
            return int(_pread(self._usage))
        anonymous, file = _field(stat, b"anon"), _field(stat, b"file")
        return None if anonymous is None or file is None else anonymous + file


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1


def _pread(descriptor: int) -> bytes:
    return os.pread(descriptor, _READ_BYTES, 0)


def _field(text: bytes, name: bytes, *, kibibytes: bool = False) -> int | None:
    """Return the number after a name that begins a line."""
    lines = b"\n" + text
    at = lines.find(b"\n" + name + b" ")
    if at < 0:
        return None
    number = int(lines[at + len(name) + 1 :].split(None, 1)[0])
    return number * 1024 if kibibytes else number
