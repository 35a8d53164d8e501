"""Container logs as something that grows: how large they are, and cutting them into parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from edgelet.ports.runtime import PodRef


@dataclass(frozen=True, slots=True)
class LogRef:
    """One instance's log."""

    pod: PodRef
    container: str
    instance: int


@dataclass(frozen=True, slots=True)
class SeenLog:
    """A log on disk. `parts` are the numbers of what was cut off, the oldest first: `<instance>.log.<number>`."""

    size_bytes: int | None  # of what is being written to; None: the file is not there
    parts: tuple[int, ...] = ()
    free_bytes: int = 1 << 62  # of its file system


class LogKeeper(Protocol):
    """Cuts logs. Raises EdgeletError(InternalError) where the disk refuses; a file that went meanwhile is no error."""

    async def look(self, logs: tuple[LogRef, ...]) -> tuple[SeenLog, ...]:
        """Look at these, in their order: a few system calls each."""
        ...

    async def cut(self, log: LogRef, part: int) -> None:
        """Rename what was written so far; whoever writes goes on in the part until it opens the log anew."""
        ...

    async def drop(self, log: LogRef, parts: tuple[int, ...]) -> None:
        """Delete parts."""
        ...
