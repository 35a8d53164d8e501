"""du in a thread of its own: a pod may have a million files, and nobody waits for the count."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Mapping

_BLOCK_BYTES = 512  # of st_blocks, whatever the file system's own are


class HostTreeUsage:
    """`TreeUsage` by system calls."""

    async def measure(self, paths: Collection[str]) -> Mapping[str, int]:
        """Return the bytes below each directory."""
        return await asyncio.to_thread(lambda: {path: tree_bytes(path) for path in paths})


def tree_bytes(path: str) -> int:
    """Return what a directory and everything below it takes; what vanishes meanwhile counts as gone."""
    try:
        top = os.lstat(path)
    except OSError:
        return 0
    total = top.st_blocks * _BLOCK_BYTES
    seen: set[int] = set()
    waiting = [path]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    found = _entry(entry, top.st_dev, seen)
                    total += found
                    if found and entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError:  # removed while we look
            continue
    return total


def _entry(entry: os.DirEntry[str], device: int, seen: set[int]) -> int:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return 0
    if status.st_dev != device:
        return 0
    if status.st_nlink > 1 and not entry.is_dir(follow_symlinks=False):
        if status.st_ino in seen:
            return 0
        seen.add(status.st_ino)
    return status.st_blocks * _BLOCK_BYTES
