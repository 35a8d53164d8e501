from __future__ import annotations

from pathlib import Path

import pytest

from edgelet.adapters.host import tasks
from edgelet.adapters.host.memory_files import MemoryFiles
from edgelet.ports.host import MemoryUsage, TaskUsage

MIB = 1 << 20
INFO = f"MemTotal:       {512 * 1024} kB\nMemFree:   {100 * 1024} kB\nMemAvailable:   {300 * 1024} kB\n"


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in {"proc/meminfo": INFO, **files}.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def test_cgroup_v1_counts_the_roots_usage_without_inactive_files(tmp_path: Path) -> None:
    stat = f"cache 1\ninactive_file {7 * MIB}\ntotal_cache 1\ntotal_inactive_file {50 * MIB}\n"
    files = {
        "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{250 * MIB}\n",
        "sys/fs/cgroup/memory/memory.stat": stat,
    }
    assert MemoryFiles(tree(tmp_path, files)).sample() == MemoryUsage(512 * MIB, 312 * MIB)


def test_the_root_of_cgroup_v2_has_no_usage_so_anonymous_and_file_memory_stand_for_it(tmp_path: Path) -> None:
    stat = f"anon {150 * MIB}\nfile {100 * MIB}\nkernel {9 * MIB}\nanon_thp 5\ninactive_file {50 * MIB}\n"
    files = {"sys/fs/cgroup/cgroup.controllers": "cpu memory pids\n", "sys/fs/cgroup/memory.stat": stat}
    assert MemoryFiles(tree(tmp_path, files)).sample() == MemoryUsage(512 * MIB, 312 * MIB)


def test_in_a_control_group_namespace_the_group_has_a_usage(tmp_path: Path) -> None:
    files = {
        "sys/fs/cgroup/cgroup.controllers": "cpu memory pids\n",
        "sys/fs/cgroup/memory.stat": f"anon 1\nfile 1\ninactive_file {10 * MIB}\n",
        "sys/fs/cgroup/memory.current": f"{110 * MIB}\n",
    }
    assert MemoryFiles(tree(tmp_path, files)).sample() == MemoryUsage(512 * MIB, 412 * MIB)


def test_without_an_account_of_memory_the_kernels_own_estimate_counts(tmp_path: Path) -> None:
    assert MemoryFiles(tree(tmp_path, {})).sample() == MemoryUsage(512 * MIB, 300 * MIB)
    files = {"sys/fs/cgroup/cgroup.controllers": "cpu pids\n"}
    assert MemoryFiles(tree(tmp_path, files)).sample() == MemoryUsage(512 * MIB, 300 * MIB)


def test_more_used_than_there_is_leaves_nothing(tmp_path: Path) -> None:
    files = {
        "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{600 * MIB}\n",
        "sys/fs/cgroup/memory/memory.stat": "total_inactive_file 0\n",
    }
    assert MemoryFiles(tree(tmp_path, files)).sample().available_bytes == 0


def test_a_sample_is_of_now(tmp_path: Path) -> None:
    usage = "sys/fs/cgroup/memory/memory.usage_in_bytes"
    root = tree(tmp_path, {usage: f"{100 * MIB}\n", "sys/fs/cgroup/memory/memory.stat": "total_inactive_file 0\n"})
    files = MemoryFiles(root)
    assert files.sample().available_bytes == 412 * MIB
    (root / usage).write_text(f"{200 * MIB}\n")
    assert files.sample().available_bytes == 312 * MIB


def test_this_machine_has_memory() -> None:
    found = MemoryFiles().sample()
    assert 0 < found.available_bytes < found.total_bytes


def test_without_proc_it_cannot_be_told(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"."):
        MemoryFiles(tmp_path).sample()


def test_tasks_are_bound_by_the_smaller_of_two_limits(tmp_path: Path) -> None:
    files = {
        "proc/sys/kernel/pid_max": "32768\n",
        "proc/sys/kernel/threads-max": "7000\n",
        "proc/loadavg": "0.1 0.2 0.3 2/345 9999\n",
    }
    assert tasks.sample(tree(tmp_path, files)) == TaskUsage(limit=7000, running=345)
