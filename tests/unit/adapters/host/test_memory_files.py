from __future__ import annotations

import time
from pathlib import Path

import pytest

from edgelet.adapters.host import tasks
from edgelet.adapters.host.memory_files import MemoryFiles
from edgelet.ports.host import MemoryUsage, TaskUsage

MIB = 1 << 20
INFO = {
    "MemTotal": 512,
    "MemFree": 100,
    "MemAvailable": 300,
    "Buffers": 20,
    "Cached": 150,
    "SwapCached": 5,
    "Active": 1,
    "Inactive(anon)": 33,
    "Inactive(file)": 50,
    "AnonPages": 75,
}
GROUPS = Path("/sys/fs/cgroup")


def tree(root: Path, **changes: int) -> Path:
    (root / "proc").mkdir(exist_ok=True)
    (root / "proc/meminfo").write_text(
        "".join(f"{name}:  {mib * 1024} kB\n" for name, mib in {**INFO, **changes}.items())
    )
    return root


def fields(file: Path) -> dict[str, int]:
    return {name: int(number) for name, number in (line.split() for line in file.read_text().splitlines())}


def by_control_group() -> int:
    """The working set as the root control group tells it."""
    if (GROUPS / "cgroup.controllers").exists():
        stat = fields(GROUPS / "memory.stat")
        return stat["anon"] + stat["file"] - stat["inactive_file"]
    usage = int((GROUPS / "memory/memory.usage_in_bytes").read_text())
    return usage - fields(GROUPS / "memory/memory.stat")["total_inactive_file"]


def test_what_is_neither_anonymous_nor_a_file_in_use_is_available(tmp_path: Path) -> None:
    files = MemoryFiles(tree(tmp_path))
    assert files.sample() == MemoryUsage(512 * MIB, (512 - (75 + 150 + 20 + 5 - 50)) * MIB)
    tree(tmp_path, AnonPages=175)
    assert files.sample() == MemoryUsage(512 * MIB, 212 * MIB)
    files.close()


def test_more_used_than_there_is_leaves_nothing(tmp_path: Path) -> None:
    files = MemoryFiles(tree(tmp_path, AnonPages=600))
    assert files.sample().available_bytes == 0
    files.close()


@pytest.mark.skipif(
    not (GROUPS / "memory/memory.usage_in_bytes").exists()
    and ((GROUPS / "memory.current").exists() or not (GROUPS / "memory.stat").exists()),
    reason="no account of memory by group, or not of the whole machine: there is nothing to compare with",
)
def test_it_is_what_this_machines_root_control_group_says() -> None:
    files = MemoryFiles()
    off = []
    for _ in range(100):  # others use memory between the two looks
        found = files.sample()
        off.append(abs(found.total_bytes - found.available_bytes - by_control_group()))
        if off[-1] < 4 * MIB:
            break
        time.sleep(0.05)
    files.close()
    assert off[-1] < 4 * MIB, off


def test_without_proc_it_cannot_be_told(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"meminfo"):
        MemoryFiles(tmp_path)
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 5 kB\n")
    files = MemoryFiles(tmp_path)
    with pytest.raises(OSError, match=r"no line AnonPages"):
        files.sample()
    files.close()


def test_tasks_are_bound_by_the_smaller_of_two_limits(tmp_path: Path) -> None:
    kernel = tmp_path / "proc/sys/kernel"
    kernel.mkdir(parents=True)
    (kernel / "pid_max").write_text("32768\n")
    (kernel / "threads-max").write_text("7000\n")
    (tmp_path / "proc/loadavg").write_text("0.1 0.2 0.3 2/345 9999\n")
    assert tasks.sample(tmp_path) == TaskUsage(limit=7000, running=345)
