"""Bytes that this process and its children had written to block storage; tmpfs does not count.

Source: Linux's fs/proc/base.c and kernel/exit.c: /proc/PID/io has the process with all its threads and the children it
has waited for (the engine's service and what that has waited for); those that still run are asked themselves. What a
container's monitor starts after the container's end, and what pods write, belongs to nobody here.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

_FIELD = b"write_bytes:"


def total_bytes(process: Path = Path("/proc/self")) -> int:
    """Return the counter: it grows as long as the process lives. 0 where the kernel does not count."""
    children: set[Path] = set()
    with contextlib.suppress(OSError):
        for task in (process / "task").iterdir():
            with contextlib.suppress(OSError):  # the thread ended, or a kernel without CONFIG_PROC_CHILDREN
                children.update(process.parent / pid for pid in (task / "children").read_text().split())
    return _written(process) + sum(map(_written, children))


def _written(process: Path) -> int:
    try:
        lines = (process / "io").read_bytes().splitlines()
    except OSError:
        return 0
    return next((int(line.removeprefix(_FIELD)) for line in lines if line.startswith(_FIELD)), 0)
