"""Control group files of both versions: trees as the kernel writes them, and this machine's own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgelet.adapters.podman import cgroups
from edgelet.ports.runtime import Usage

GROUP = "/machine.slice/libpod-1.scope"


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


@pytest.fixture
def v1(tmp_path: Path) -> Path:
    write(tmp_path / "memory", memory__stat="cache 0\n")
    write(
        tmp_path / "memory" / GROUP.lstrip("/"),
        memory__usage_in_bytes="10485760\n",
        memory__stat="inactive_file 1\nhierarchical_memory_limit 9223372036854771712\ntotal_inactive_file 4194304\n",
        memory__oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
        cgroup__procs="41\n42\n",
    )
    write(tmp_path / "cpuacct" / GROUP.lstrip("/"), cpuacct__usage="123456789\n")
    write(tmp_path / "pids" / GROUP.lstrip("/"), pids__current="3\n")
    return tmp_path


@pytest.fixture
def v2(tmp_path: Path) -> Path:
    write(tmp_path, cgroup__controllers="cpuset cpu io memory pids\n")
    write(
        tmp_path / GROUP.lstrip("/"),
        memory__current="10485760\n",
        memory__stat="anon 5\ninactive_file 4194304\nactive_file 9\n",
        memory__events="low 0\nhigh 0\nmax 9\noom 1\noom_kill 2\noom_group_kill 0\n",
        cpu__stat="usage_usec 123456\nuser_usec 1\nsystem_usec 2\n",
        pids__current="3\n",
        cgroup__procs="41\n42\n",
    )
    return tmp_path


def test_version_one_is_read(v1: Path) -> None:
    assert cgroups.version(v1) == 1
    assert cgroups.memory_controller(v1)
    assert cgroups.oom_kills(GROUP, v1) == 2
    assert cgroups.processes(GROUP, v1) == (41, 42)
    with cgroups.UsageFiles("web", GROUP, v1) as files:
        assert files.sample() == Usage("web", 123_456_789, 10_485_760 - 4_194_304, 3)


def test_version_two_is_read(v2: Path) -> None:
    assert cgroups.version(v2) == 2
    assert cgroups.memory_controller(v2)
    assert cgroups.oom_kills(GROUP, v2) == 2
    assert cgroups.processes(GROUP, v2) == (41, 42)
    with cgroups.UsageFiles("web", GROUP, v2) as files:
        assert files.sample() == Usage("web", 123_456_000, 10_485_760 - 4_194_304, 3)


def test_a_board_without_the_memory_controller_asks_the_processes(v2: Path) -> None:
    (v2 / "cgroup.controllers").write_text("cpuset cpu io pids\n")
    for name in ("memory.current", "memory.stat", "memory.events"):
        (v2 / GROUP.lstrip("/") / name).unlink()
    assert not cgroups.memory_controller(v2)
    assert cgroups.oom_kills(GROUP, v2) is None
    (v2 / GROUP.lstrip("/") / "cgroup.procs").write_text(f"{os.getpid()}\n4194305\n")  # the second has ended
    with cgroups.UsageFiles("web", GROUP, v2) as files:
        before = files.sample()
        ballast = bytearray(32 << 20)
        after = files.sample()
    assert before is not None
    assert after is not None
    assert (before.container, before.cpu_usage_ns, before.pids) == ("web", 123_456_000, 3)
    assert len(ballast) // 2 < after.working_set_bytes - before.working_set_bytes < 2 * len(ballast)


def test_version_one_without_the_memory_controller(v1: Path) -> None:
    for name in ("memory.stat",):
        (v1 / "memory" / name).unlink()
    assert not cgroups.memory_controller(v1)


def test_a_group_that_is_gone_says_nothing(v1: Path) -> None:
    assert cgroups.oom_kills("/gone", v1) is None
    assert cgroups.processes("/gone", v1) == ()
    with cgroups.UsageFiles("web", "/gone", v1) as files:
        assert files.sample() is None


def test_a_working_set_is_never_negative(v2: Path) -> None:
    (v2 / GROUP.lstrip("/") / "memory.current").write_text("100\n")
    with cgroups.UsageFiles("web", GROUP, v2) as files:
        sample = files.sample()
    assert sample is not None
    assert sample.working_set_bytes == 0


def test_the_files_stay_open_and_are_read_anew(v2: Path) -> None:
    with cgroups.UsageFiles("web", GROUP, v2) as files:
        files.sample()
        (v2 / GROUP.lstrip("/") / "pids.current").write_text("7\n")
        sample = files.sample()
    assert sample is not None
    assert sample.pids == 7


def test_closing_twice_leaks_and_harms_nothing(v2: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    files = cgroups.UsageFiles("web", GROUP, v2)
    assert len(list(Path("/proc/self/fd").iterdir())) == before + 4
    files.close()
    files.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert files.sample() is None


@pytest.mark.podman
def test_a_group_of_this_machine_is_read_and_its_end_is_noticed() -> None:
    name = f"/edgelet-test-{os.getpid()}"
    folders = {cgroups.directory(name, controller) for controller in ("memory", "cpuacct", "pids")}
    for folder in folders:
        folder.mkdir()
    try:
        files = cgroups.UsageFiles("web", name)
        sample = files.sample()
        assert sample is not None
        assert (sample.pids, sample.cpu_usage_ns >= 0, sample.working_set_bytes >= 0) == (0, True, True)
        assert cgroups.oom_kills(name) == 0
        assert cgroups.processes(name) == ()
    finally:
        for folder in folders:
            folder.rmdir()
    assert files.sample() is None
    assert cgroups.oom_kills(name) is None
    files.close()


def test_huge_pages_can_be_limited_where_containers_have_the_controller(tmp_path: Path) -> None:
    write(tmp_path / "hybrid" / "unified", cgroup__controllers="hugetlb\n")
    assert not cgroups.huge_page_controller(tmp_path / "hybrid")
    write(tmp_path / "hybrid" / "hugetlb", cgroup__procs="1\n")
    assert cgroups.huge_page_controller(tmp_path / "hybrid")
    write(tmp_path / "unified", cgroup__controllers="cpu hugetlb\n")
    assert cgroups.huge_page_controller(tmp_path / "unified")
    write(tmp_path / "other", cgroup__controllers="cpu memory\n")
    assert not cgroups.huge_page_controller(tmp_path / "other")


def test_huge_pages_are_limited_of_sizes_that_there_are_pages_of(tmp_path: Path) -> None:
    for name, kept, more in (("2048kB", 4, 0), ("64kB", 0, 8), ("1048576kB", 0, 0), ("xkB", 1, 1)):
        write(tmp_path / f"hugepages-{name}", nr_hugepages=f"{kept}\n", nr_overcommit_hugepages=f"{more}\n")
    assert cgroups.huge_page_sizes(tmp_path) == (64 << 10, 2 << 20)
    assert cgroups.huge_page_sizes(tmp_path / "none") == ()
