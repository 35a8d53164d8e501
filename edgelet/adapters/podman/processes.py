"""Processes of containers: held by pidfd, so that a number used again is never taken for the old one."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from edgelet.adapters.podman import cgroups

_PROC = Path("/proc")


def open_main(pid: int, container_id: str) -> int | None:
    """Return a pidfd of a process in this container's cgroup; None if it is gone or another one has its number.

    The caller closes it.
    """
    return _open_if(pid, lambda: container_id in _read(pid, "cgroup"))


def open_conmon(pid: int, container_id: str) -> int | None:
    """Return a pidfd of this container's conmon; None if it is gone. The caller closes it."""
    return _open_if(pid, lambda: _is_conmon(_read(pid, "cmdline"), container_id))


def find_conmon(container_id: str) -> int:
    """Return the pid of this container's conmon, by looking at every process; 0 if there is none."""
    return next((pid for pid in _pids() if _is_conmon(_read(pid, "cmdline"), container_id)), 0)


def open_start(pid: int, container_id: str) -> int | None:
    """Return a pidfd of the OCI runtime's `start` of this container; None if it is gone. The caller closes it."""
    return _open_if(pid, lambda: _is_start(_read(pid, "cmdline"), container_id))


def find_start(container_id: str) -> int:
    """Return the pid of the OCI runtime's `start` of this container, by looking at every process; 0: there is none."""
    return next((pid for pid in _pids() if _is_start(_read(pid, "cmdline"), container_id)), 0)


def children(parent: int) -> tuple[int, ...]:
    """Return the pids of a process's children, by looking at every process."""
    return tuple(pid for pid in _pids() if _read(pid, "stat").rpartition(") ")[2].split(" ")[1:2] == [str(parent)])


def user_ids_first(pid: int) -> int | None:
    """Return who of the host is root to a process; None if it is gone. Source: user_namespaces(7), uid_map."""
    words = _read(pid, "uid_map").split()
    return int(words[1]) if len(words) == 3 and words[0] == "0" else None  # noqa: PLR2004  one line: inside, outside, count


def alive(pidfd: int) -> bool:
    """Whether the process has not ended."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return not poll.poll(0)


def send(pidfd: int, number: int) -> bool:
    """Send a signal; False if the process ended before."""
    try:
        signal.pidfd_send_signal(pidfd, number)
    except ProcessLookupError:
        return False
    return True


def members(cgroup_path: str, mount_point: Path = cgroups.MOUNT_POINT) -> tuple[int, ...]:
    """Return the pids in a control group and below it; none if it is gone."""
    controller = "memory" if cgroups.memory_controller(mount_point) else "pids"
    found = list[int]()
    for folder, _, _ in os.walk(cgroups.directory(cgroup_path, controller, mount_point)):
        with contextlib.suppress(OSError):
            found += map(int, (Path(folder) / "cgroup.procs").read_text().split())
    return tuple(found)


def kill_members(pids: Iterable[int], container_id: str) -> int:
    """SIGKILL processes of a container's cgroup, each only if it is still in it; return how many were alive."""
    killed = 0
    for pid in pids:
        pidfd = open_main(pid, container_id)
        if pidfd is None:
            continue
        try:
            killed += send(pidfd, signal.SIGKILL)
        finally:
            os.close(pidfd)
    return killed


def descendants(root: int, candidates: Iterable[int]) -> tuple[int, ...]:
    """Return those of the candidates that come from `root`, itself included: by their parents or their session."""
    parents: dict[int, tuple[int, int]] = {}
    for pid in candidates:
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = (_PROC / str(pid) / "stat").read_text().rpartition(") ")[2].split()
            parents[pid] = (int(fields[1]), int(fields[3]))
    return tuple(pid for pid in parents if _comes_from(pid, root, parents))


def _comes_from(pid: int, root: int, parents: dict[int, tuple[int, int]]) -> bool:
    seen = set[int]()
    while pid in parents and pid not in seen:
        parent, session = parents[pid]
        if root in (pid, parent, session):
            return True
        seen.add(pid)
        pid = parent
    return False


def _pids() -> Iterator[int]:
    return (int(one.name) for one in _PROC.iterdir() if one.name.isdigit())


def _open_if(pid: int, is_it: Callable[[], bool]) -> int | None:
    if pid <= 1:
        return None
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return None
    # Asked after opening and found alive after asking: the answer was about the process that the pidfd holds.
    if is_it() and alive(pidfd):
        return pidfd
    os.close(pidfd)
    return None


def _is_conmon(cmdline: str, container_id: str) -> bool:
    words = cmdline.split("\0")
    return "--exit-dir" in words and container_id in words


def _is_start(cmdline: str, container_id: str) -> bool:
    return cmdline.split("\0")[-3:-1] == ["start", container_id]


def _read(pid: int, name: str) -> str:
    try:
        return (_PROC / str(pid) / name).read_text(errors="replace")
    except OSError:
        return ""
