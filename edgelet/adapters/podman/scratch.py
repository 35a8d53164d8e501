"""Where the engine writes small files while it works: it needs such a place, and leaves them there when it is killed.

libpod makes a file without a name of its own (digits alone) to create a container. The same directory takes layers
while images are pulled; those are seen to where images are.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from edgelet.adapters.host import mounts

_VARIABLE = "TMPDIR"


def environment(given: Mapping[str, str], *, instead: Path) -> dict[str, str]:
    """Return the engine's environment with `instead` as the place where the one it has is read-only.

    Without any libpod cannot even create a container; pulls need more room, and fail on a read-only disk all the same.
    """
    found = dict(given)
    if (place := found.get(_VARIABLE)) and mounts.is_read_only(place):
        found[_VARIABLE] = str(instead)
    return found


def clear(given: Mapping[str, str]) -> None:
    """Remove the small files of an engine that was killed. Nobody else may be at work in the same place."""
    if place := given.get(_VARIABLE):
        with suppress(OSError):
            for one in Path(place).iterdir():
                if one.name.isdigit():
                    one.unlink(missing_ok=True)
