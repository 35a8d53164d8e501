"""Directories of a size that tests give them."""

from __future__ import annotations

from collections.abc import Collection, Mapping


class FakeTreeUsage:
    """`TreeUsage` over a table; a directory is found by the end of its path. `measured` counts."""

    def __init__(self) -> None:
        self.bytes: dict[str, int] = {}
        self.inodes: dict[str, int] = {}
        self.measured = 0

    async def measure(self, paths: Collection[str]) -> Mapping[str, int]:
        self.measured += 1
        return {path: sum(size for end, size in self.bytes.items() if path.endswith(end)) for path in paths}

    async def count(self, paths: Collection[str]) -> Mapping[str, int]:
        return {path: sum(number for end, number in self.inodes.items() if path.endswith(end)) for path in paths}
