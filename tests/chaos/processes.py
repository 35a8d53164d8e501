"""Processes as /proc shows them, and what they serve."""

from __future__ import annotations

import http.client
import os
from pathlib import Path

Pid = int
_START_TIME = 19  # field 22 of proc(5) stat, counted behind the name


def pids() -> list[Pid]:
    """Return all processes that can be seen."""
    return [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()]


def parent(pid: Pid) -> Pid:
    """Return the parent; 0 where the process is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0


def zombie(pid: Pid) -> bool:
    """Whether it is dead already, or gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return True


def arguments(pid: Pid) -> list[str]:
    """Return the command line; [] where the process is gone."""
    try:
        return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes()).split("\0")[:-1]
    except OSError:
        return []


def table() -> list[str]:
    """Return a line for each process: pid, parent, state, where it sleeps, its command line."""
    return [f"{pid} {parent(pid)} {_state(pid)} {_sleeps(pid)} {' '.join(arguments(pid))}" for pid in sorted(pids())]


def _state(pid: Pid) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return "gone"


def _sleeps(pid: Pid) -> str:
    """Return the places of all its threads."""
    try:
        return ",".join(sorted({one.read_text() for one in Path(f"/proc/{pid}/task").glob("*/wchan")}))
    except OSError:
        return "?"


def born(pid: Pid) -> str:
    """Return when it was started, in ticks since boot: another process of that number has another; "" where none is."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[_START_TIME]
    except (OSError, IndexError):
        return ""


def fetch(host: str, port: int) -> str:
    """Return what is served there, or the error's name."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()
