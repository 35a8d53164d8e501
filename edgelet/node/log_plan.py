"""When a container's log is cut, and when to look again (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edgelet.ports.log_keeping import SeenLog

_ROOM_BYTES = 1024 * 1024  # conmon ends, and its container with it, where it cannot make the new file
_BUSY_LOOK_S = 10.0  # Source: the kubelet's containerLogMonitorInterval
_LEAST_LOOK_S = 2.0
_BUSY_BYTES = 256 * 1024  # a log that grew by less since the last look is none to hurry for


@dataclass(frozen=True, slots=True)
class LogBounds:
    """The kubelet's containerLogMaxSize and containerLogMaxFiles. One log takes max_bytes * max_files at most."""

    max_bytes: int = 10 * 1024 * 1024
    max_files: int = 5
    look_s: float = 60.0  # between two looks while nothing is written


@dataclass(frozen=True, slots=True)
class LogSteps:
    """What to do about one log, in this order."""

    drop: tuple[int, ...] = ()
    cut: int | None = None  # the number of the new part
    reopen: bool = False  # have conmon open the log anew

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.drop or self.reopen)


@dataclass(frozen=True, slots=True)
class Growth:
    """How much one log grew between two looks."""

    size_bytes: int  # now
    grown_bytes: int
    over_s: float


def plan(seen: SeenLog, bounds: LogBounds) -> LogSteps:
    """Return what keeps a log of a running container in its bounds.

    A log that is not there although parts are was cut by an agent that died before it could tell conmon.
    """
    due = seen.size_bytes is not None and seen.size_bytes >= bounds.max_bytes
    lost = seen.size_bytes is None and bool(seen.parts)
    if seen.free_bytes < _ROOM_BYTES:  # give the oldest parts back; cut when there is room for the new file
        return LogSteps(drop=seen.parts[:-1])
    room = max(0, bounds.max_files - 1 - due)
    drop = seen.parts[: max(0, len(seen.parts) - room)]
    if not due:
        return LogSteps(drop=drop, reopen=lost)
    if bounds.max_files == 1:  # no part is kept, but conmon needs the rename to begin anew
        drop = seen.parts
    return LogSteps(drop=drop, cut=max(seen.parts, default=0) + 1, reopen=True)


def next_look_s(growths: Iterable[Growth], bounds: LogBounds) -> float:
    """Return when to look again: rarely where nothing is written, in time where a log will be full."""
    wait_s = bounds.look_s
    for one in growths:
        if one.grown_bytes < _BUSY_BYTES or one.over_s <= 0:
            continue
        full_s = (bounds.max_bytes - one.size_bytes) * one.over_s / one.grown_bytes
        wait_s = min(wait_s, _BUSY_LOOK_S, max(_LEAST_LOOK_S, full_s))
    return wait_s
