"""What a process holds at one moment, read from /proc and its directories: not the agent's own view."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_KIB = 1024
_LOCKS = "run/podman/libpod/locks"


@dataclass(frozen=True, slots=True)
class Sample:
    """Sizes in KiB, the rest are counts."""

    at_s: float  # monotonic, from the start of the run
    rss_kib: int
    pss_kib: int
    fds: int
    threads: int
    database_kib: int  # with its WAL
    run_files: int  # what the agent and libpod keep on tmpfs, but locks
    lock_files: int  # libpod's, empty: one a pod and container
    log_files: int
    volume_files: int
    cpu_s: float
    written_kib: int  # that the agent itself had written to block storage

    def document(self) -> dict[str, float]:
        return dataclasses.asdict(self)


def take(pid: int, base: Path, *, began_s: float) -> Sample:
    """Look at a running agent and the directories below `base`."""
    process = Path("/proc") / str(pid)
    memory = dict(_fields(process / "smaps_rollup"))
    status = dict(_fields(process / "status"))
    return Sample(
        at_s=round(time.monotonic() - began_s, 1),
        rss_kib=memory["Rss"],
        pss_kib=memory["Pss"],
        fds=len(os.listdir(process / "fd")),  # noqa: PTH208  a count, no paths
        threads=status["Threads"],
        database_kib=sum(_size(one) for one in (base / "state").glob("edgelet.db*")) // _KIB,
        run_files=_count(base / "run") - _count(base / _LOCKS),
        lock_files=_count(base / _LOCKS),
        log_files=_count(base / "logs"),
        volume_files=_count(base / "volumes"),
        cpu_s=_cpu_s(process),
        written_kib=dict(_fields(process / "io"))["write_bytes"] // _KIB,
    )


def files(base: Path) -> frozenset[str]:
    """Return the names of what the agent and libpod keep for pods, below its directory."""
    return frozenset(
        str((Path(folder) / name).relative_to(base))
        for place in ("run", "logs", "volumes")
        for folder, _, names in os.walk(base / place)
        for name in names
    )


def _fields(path: Path) -> Iterator[tuple[str, int]]:
    for line in path.read_text().splitlines():
        name, _, value = line.partition(":")
        words = value.split()
        if words and words[0].isdigit():
            yield name, int(words[0])


def _cpu_s(process: Path) -> float:
    after_name = (process / "stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0


def _count(directory: Path) -> int:
    return sum(len(files) for _, _, files in os.walk(directory))
