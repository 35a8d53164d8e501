"""How much of the disk a directory holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol


class TreeUsage(Protocol):
    """Counts as du does: blocks that are allocated, a file with several names once, other file systems left out."""

    async def measure(self, paths: Collection[str]) -> Mapping[str, int]:
        """Return the bytes below each directory; 0 for one that is not there. Other work goes on meanwhile."""
        ...

    async def count(self, paths: Collection[str]) -> Mapping[str, int]:
        """Return the inodes below each directory, its own included; 0 for one that is not there."""
        ...
