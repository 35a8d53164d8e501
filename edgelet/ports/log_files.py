"""Logs of containers, read from the files that conmon writes: never by way of the engine."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from edgelet.ports.runtime import PodRef


@dataclass(frozen=True, slots=True)
class LogView:
    """Which part of a log, and how it is shown (Kubernetes' PodLogOptions)."""

    tail_lines: int | None = None  # counted from the end; None = all
    since: datetime | None = None  # aware; lines before it are left out
    timestamps: bool = False  # each line begins with its RFC 3339 time, in UTC
    limit_bytes: int | None = None  # of output; what is beyond is cut, also inside a line
    stream: Literal["All", "Stdout", "Stderr"] = "All"


class LogFiles(Protocol):
    """One log a container instance, read over all its parts (ports.log_keeping) and followed from one to the next."""

    def exists(self, pod: PodRef, container: str, instance: int) -> bool: ...

    def read(
        self, pod: PodRef, container: str, instance: int, *, view: LogView, alive: Callable[[], bool] | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Give the log in chunks, partial lines joined.

        Args:
            pod: Whose.
            container: Its name.
            instance: Which instance; its file may be missing, which is an empty log.
            view: What of it.
            alive: None ends at the end of the file. Else the log is followed until `alive()` is False and what was
                written by then is given. It is asked now and then, and at each wake-up.
        """
        ...
