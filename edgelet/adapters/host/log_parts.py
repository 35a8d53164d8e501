"""A log and the parts that were cut off it: `<instance>.log`, and `<instance>.log.<number>` with ascending numbers."""

from __future__ import annotations

import os
from pathlib import Path

from edgelet.api.errors import EdgeletError
from edgelet.ports.runtime import PodRef


def path(root: Path, pod: PodRef, container: str, instance: int) -> Path:
    """Return the file that is being written to. Raises EdgeletError(BadRequest) for names that are none."""
    parts = (f"{pod.namespace}_{pod.name}_{pod.uid}", container)
    # Names come from stored objects and are checked there; a log is still no way out of its directory.
    if any("/" in part or part in ("", ".", "..") for part in parts):
        raise EdgeletError("BadRequest", f"cannot read the log of container {container!r}: no such name")
    return root.joinpath(*parts, f"{instance}.log")


def numbers(log: Path) -> tuple[int, ...]:
    """Return the numbers of a log's parts, the oldest first. Raises OSError."""
    prefix = f"{log.name}."
    try:
        names = os.listdir(log.parent)  # noqa: PTH208  names are all that is needed
    except FileNotFoundError:
        return ()
    found = (name.removeprefix(prefix) for name in names if name.startswith(prefix))
    return tuple(sorted(int(suffix) for suffix in found if suffix.isascii() and suffix.isdecimal()))


def part(log: Path, number: int) -> Path:
    """Return one part's file."""
    return log.with_name(f"{log.name}.{number}")


def chain(log: Path) -> tuple[Path, ...]:
    """Return all files of a log in the order they were written; the last one may not be there. Raises OSError."""
    return (*(part(log, number) for number in numbers(log)), log)
