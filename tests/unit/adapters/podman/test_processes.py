from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgelet.adapters.podman import cgroups, processes


@pytest.fixture
def family() -> Iterator[subprocess.Popen[bytes]]:
    """A shell with a child and a grandchild, in a session of its own."""
    script = "sh -c 'sleep 1000 & echo $!; wait' & wait"
    root = subprocess.Popen(("/bin/sh", "-c", script), stdout=subprocess.PIPE, start_new_session=True)
    assert root.stdout is not None
    root.stdout.readline()
    yield root
    os.killpg(root.pid, signal.SIGKILL)
    root.wait()
    root.stdout.close()


def everybody() -> tuple[int, ...]:
    return tuple(int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal())


def test_a_family_is_found_and_nobody_else(family: subprocess.Popen[bytes]) -> None:
    found = processes.descendants(family.pid, everybody())
    assert family.pid in found
    assert len(found) == 3
    assert os.getpid() not in found
    assert processes.descendants(2**22 - 1, everybody()) == ()


def test_a_process_of_another_cgroup_is_not_opened() -> None:
    assert processes.open_main(os.getpid(), "a" * 64) is None
    assert processes.open_conmon(os.getpid(), "a" * 64) is None
    assert processes.open_main(0, "") is None
    assert processes.kill_members((os.getpid(),), "a" * 64) == 0


def test_a_pidfd_tells_life_from_death(family: subprocess.Popen[bytes]) -> None:
    pidfd = os.pidfd_open(family.pid)
    try:
        assert processes.alive(pidfd)
        assert processes.send(pidfd, signal.SIGKILL)
        family.wait()
        assert not processes.alive(pidfd)
        assert not processes.send(pidfd, signal.SIGKILL)
    finally:
        os.close(pidfd)


def test_members_are_those_below_too(tmp_path: Path) -> None:
    group = cgroups.directory("/pod/ctr", "memory", tmp_path)
    if not cgroups.memory_controller(tmp_path):
        group = cgroups.directory("/pod/ctr", "pids", tmp_path)
    (group / "inner").mkdir(parents=True)
    (group / "cgroup.procs").write_text("11\n12\n")
    (group / "inner" / "cgroup.procs").write_text("13\n")
    assert sorted(processes.members("/pod/ctr", tmp_path)) == [11, 12, 13]
    assert processes.members("/gone", tmp_path) == ()
