"""What the kernel says of one process."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """Counters since the process began."""

    cpu_ns: int
    wakeups: int  # it had slept and was run again
    written_bytes: int  # given to the disk


def activity(pid: int) -> Activity:
    """Add up all threads."""
    cpu_ns = wakeups = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            cpu_ns += int((task / "schedstat").read_text().split()[0])
            wakeups += _field(task / "status", "voluntary_ctxt_switches")
    return Activity(cpu_ns=cpu_ns, wakeups=wakeups, written_bytes=_field(Path(f"/proc/{pid}/io"), "write_bytes"))


def rss_mb(pid: int) -> float:
    """Return what is resident, shared pages counted whole."""
    return _field(Path(f"/proc/{pid}/status"), "VmRSS") / 1000 * 1.024


def pss_mb(pid: int) -> float:
    """Return what is resident, shared pages counted by share; 0 if it is gone."""
    with contextlib.suppress(OSError):
        return _field(Path(f"/proc/{pid}/smaps_rollup"), "Pss") / 1000 * 1.024
    return 0.0


def _field(path: Path, name: str) -> int:
    for line in path.read_text().splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0])
    return 0
