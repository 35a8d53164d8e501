"""Control groups as the kernel shows them: which version, where a container's files are, what they say.

Paths are the engine's State.CgroupPath (/libpod_parent/<pod>/libpod-<id>, /machine.slice/...scope). Every class and
function takes the mount point, so that tests bring their own tree.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from edgelet.ports.runtime import Usage

MOUNT_POINT = Path("/sys/fs/cgroup")
_READ_BYTES = 8192  # memory.stat is the longest: 1.5 kB on v2
_NS_PER_US = 1000

Version = Literal[1, 2]


def version(mount_point: Path = MOUNT_POINT) -> Version:
    """Return 2 for the unified hierarchy alone; hybrid (v2 mounted beside v1) counts as 1, as runtimes see it."""
    return 2 if (mount_point / "cgroup.controllers").exists() else 1


def memory_controller(mount_point: Path = MOUNT_POINT) -> bool:
    """Tell whether memory can be limited and counted; off on a stock Raspberry Pi OS (cgroup_disable=memory)."""
    if version(mount_point) == 1:
        return (mount_point / "memory" / "memory.stat").exists()
    return "memory" in _text(mount_point / "cgroup.controllers").split()


def huge_page_controller(mount_point: Path = MOUNT_POINT) -> bool:
    """Tell whether huge pages can be limited. In hybrid the controller may belong to v2, where no container is."""
    if version(mount_point) == 1:
        return (mount_point / "hugetlb" / "cgroup.procs").exists()
    return "hugetlb" in _text(mount_point / "cgroup.controllers").split()


def huge_page_sizes(sysfs: Path = Path("/sys/kernel/mm/hugepages")) -> tuple[int, ...]:
    """Return the sizes of huge pages that there are pages of, in bytes. Source: hugetlbpage.rst.

    Of the others nobody can take any: a board without huge pages is not asked to limit them.
    """
    found = []
    for each in sysfs.glob("hugepages-*kB"):
        size = each.name.removeprefix("hugepages-").removesuffix("kB")
        pools = (_text(each / name).strip() for name in ("nr_hugepages", "nr_overcommit_hugepages"))
        if size.isdecimal() and any(count not in {"", "0"} for count in pools):
            found.append(int(size) * 1024)
    return tuple(sorted(found))


def directory(cgroup_path: str, controller: str, mount_point: Path = MOUNT_POINT) -> Path:
    """Return the directory of one controller (v1) or of the group (v2)."""
    relative = cgroup_path.lstrip("/")
    if version(mount_point) == 1:
        return mount_point / controller / relative
    return mount_point / relative


def oom_kills(cgroup_path: str, mount_point: Path = MOUNT_POINT) -> int | None:
    """Return how often the kernel killed in this group (v1: this group alone, v2: below it too).

    None when the group is gone: read it in the very moment of an exit, the engine removes it 50 ms later.
    """
    name = "memory.oom_control" if version(mount_point) == 1 else "memory.events"
    with contextlib.suppress(OSError):
        text = (directory(cgroup_path, "memory", mount_point) / name).read_text()
        return _fields(text).get("oom_kill", 0)
    return None


def processes(cgroup_path: str, mount_point: Path = MOUNT_POINT) -> tuple[int, ...]:
    """Return the pids directly in the group, none if it is gone."""
    procs = directory(cgroup_path, "memory" if memory_controller(mount_point) else "pids", mount_point) / "cgroup.procs"
    return tuple(int(pid) for pid in _text(procs).split())


def resident_bytes(cgroup_path: str, mount_point: Path = MOUNT_POINT) -> int:
    """Return the anonymous memory of a group's processes: what stands for its usage where the kernel keeps no account.

    What several processes share copy-on-write counts several times.
    """
    pages = 0
    for pid in processes(cgroup_path, mount_point):
        _, resident, shared, *_ = (*_text(Path(f"/proc/{pid}/statm")).split(), "0", "0", "0")
        pages += int(resident) - int(shared)
    return pages * os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class _Files:
    memory: str
    memory_stat: str
    inactive_field: str
    cpu: str
    cpu_field: str  # "" = the file is the number itself, in ns; else a field of it in us
    pids: str


_V1 = _Files(
    memory="memory.usage_in_bytes",
    memory_stat="memory.stat",
    inactive_field="total_inactive_file",
    cpu="cpuacct.usage",
    cpu_field="",
    pids="pids.current",
)
_V2 = _Files(
    memory="memory.current",
    memory_stat="memory.stat",
    inactive_field="inactive_file",
    cpu="cpu.stat",
    cpu_field="usage_usec",
    pids="pids.current",
)


class UsageFiles:
    """The usage files of one running container, kept open: a sample costs four preads and no path look-up.

    A pids controller that is off counts 0; without one of memory its processes are asked. Close it when the container
    ended.
    """

    __slots__ = ("_cpu", "_files", "_group", "_memory", "_memory_stat", "_pids", "container")

    def __init__(self, container: str, cgroup_path: str, mount_point: Path = MOUNT_POINT) -> None:
        self.container = container
        self._group = (cgroup_path, mount_point)
        self._files = files = _V1 if version(mount_point) == 1 else _V2
        memory = directory(cgroup_path, "memory", mount_point)
        self._memory = _open(memory / files.memory)
        self._memory_stat = _open(memory / files.memory_stat)
        self._cpu = _open(directory(cgroup_path, "cpuacct", mount_point) / files.cpu)
        self._pids = _open(directory(cgroup_path, "pids", mount_point) / files.pids)

    def sample(self) -> Usage | None:
        """Read now; None when the group is gone."""
        try:
            cpu = _pread(self._cpu)
            current = int(_pread(self._memory) or 0)
            inactive = _fields(_pread(self._memory_stat)).get(self._files.inactive_field, 0)
            pids = int(_pread(self._pids) or 0)
        except OSError:  # ENODEV: removed under our open files
            return None
        if not cpu:
            return None
        field = self._files.cpu_field
        return Usage(
            container=self.container,
            cpu_usage_ns=_fields(cpu).get(field, 0) * _NS_PER_US if field else int(cpu),
            working_set_bytes=max(0, current - inactive) if self._memory >= 0 else resident_bytes(*self._group),
            pids=pids,
        )

    def close(self) -> None:
        """Close the files; a second time does nothing."""
        for name in ("_memory", "_memory_stat", "_cpu", "_pids"):
            if (fd := getattr(self, name)) >= 0:
                os.close(fd)
                setattr(self, name, -1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1


def _pread(fd: int) -> str:
    return os.pread(fd, _READ_BYTES, 0).decode() if fd >= 0 else ""


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _fields(text: str) -> Mapping[str, int]:
    """Parse lines of a name and a number; others (one number alone, "max") are left out."""
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}  # noqa: PLR2004  name and number
