"""CPU of everything on the board: agent, engine, monitors, containers; the measuring itself stands aside.

`bench/isolated` gives a cgroup whose CPU is that of all that is started below it. This program, the broker and the far
side's clients go into a group of their own inside it, and are subtracted.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_ASIDE = "aside"
_NS_PER_US = 1000
_STEP_S = 0.25
_QUIET_NS = 3_000_000  # in one step: an idle agent takes a third of it
_SHORTEST_S = 1.3  # the agent saves a status one second after it came to rest: part of the price
_LONGEST_S = 8.0


@dataclass(frozen=True, slots=True)
class Cost:
    """What one act took."""

    wall_s: float
    cpu_s: float


class Meter:
    """Reads one cgroup. `rest` must be called while the board rests, before the first `cost`."""

    def __init__(self, cgroup: Path) -> None:
        self.cgroup = cgroup
        self._aside = cgroup / _ASIDE
        self._idle_share = 0.0

    def step_aside(self) -> None:
        """Take this process, and all it starts from now on, out of the account."""
        self._aside.mkdir(exist_ok=True)
        (self._aside / "cgroup.procs").write_text(str(os.getpid()))

    def take(self, pid: int) -> None:
        """Put a process, and all it starts from now on, into the account."""
        (self.cgroup / "cgroup.procs").write_text(str(pid))

    def board_ns(self) -> int:
        """Return the CPU the board has used so far."""
        return _used_ns(self.cgroup) - _used_ns(self._aside)

    def rest(self, seconds: float = 2.0) -> float:
        """Measure what the board uses while nothing happens, as a share of one core; it is subtracted from costs."""
        self.settle()
        before, begun_s = self.board_ns(), time.monotonic()
        time.sleep(seconds)
        self._idle_share = (self.board_ns() - before) / 1e9 / (time.monotonic() - begun_s)
        return self._idle_share

    def cost(self, act: Callable[[], float]) -> Cost:
        """Do it and wait until all that follows is over; `act` returns the monotonic time when what was wanted came."""
        before, begun_s = self.board_ns(), time.monotonic()
        came_s = act()
        self.settle()
        elapsed_s = time.monotonic() - begun_s
        cpu_s = (self.board_ns() - before) / 1e9 - elapsed_s * self._idle_share
        return Cost(wall_s=came_s - begun_s, cpu_s=cpu_s)

    def settle(self) -> None:
        """Return when no engine process is left and the board rests, after `_LONGEST_S` in any case."""
        begun_s = time.monotonic()
        while (waited_s := time.monotonic() - begun_s) < _LONGEST_S:
            before = self.board_ns()
            time.sleep(_STEP_S)
            if waited_s >= _SHORTEST_S and self.board_ns() - before < _QUIET_NS and not self.engine_pids():
                return

    def engine_pids(self) -> list[int]:
        """Return every podman process of the board: the service, commands, cleanups after conmon."""
        return [pid for pid in self.pids() if comm(pid) == "podman"]

    def pids(self) -> list[int]:
        """Return every process of the board."""
        found: list[int] = []
        for directory, _, _ in os.walk(self.cgroup):
            if Path(directory).name == _ASIDE:
                continue
            with contextlib.suppress(OSError):
                found += map(int, (Path(directory) / "cgroup.procs").read_text().split())
        return found


def comm(pid: int) -> str:
    """Return the short name of a process, "" if it is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def _used_ns(group: Path) -> int:
    own = group / "cpuacct.usage"
    if own.exists():
        return int(own.read_text())
    fields = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
    return int(fields["usage_usec"]) * _NS_PER_US
