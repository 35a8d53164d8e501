"""du in a thread of its own: a pod may have a million files, and nobody waits for the count."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Collection, Mapping

_BLOCK_BYTES = 512  # of st_blocks, whatever the file system's own are
_LONG_PATH = 2000  # half of what the kernel takes
_MOST_OPENED = 200


class HostTreeUsage:
    """`TreeUsage` by system calls."""

    async def measure(self, paths: Collection[str]) -> Mapping[str, int]:
        """Return the bytes below each directory."""
        return await asyncio.to_thread(lambda: {path: tree_bytes(path) for path in paths})

    async def count(self, paths: Collection[str]) -> Mapping[str, int]:
        """Return the inodes below each directory."""
        return await asyncio.to_thread(lambda: {path: tree_inodes(path) for path in paths})


def tree_bytes(path: str) -> int:
    """Return what a directory and everything below it takes; what vanishes meanwhile counts as gone."""
    return _measured(path)[0]


def tree_inodes(path: str) -> int:
    """Return how many inodes a directory and everything below it take."""
    return _measured(path)[1]


def _measured(path: str) -> tuple[int, int]:
    try:
        top = os.lstat(path)
    except OSError:
        return 0, 0
    with contextlib.ExitStack() as opened:
        below_bytes, below = _below(path, top.st_dev, opened)
    return top.st_blocks * _BLOCK_BYTES + below_bytes, below + 1


def _below(path: str, device: int, opened: contextlib.ExitStack) -> tuple[int, int]:
    total, inodes, seen, waiting, deep = 0, 0, set[int](), [path], 0
    while waiting:
        directory = waiting.pop()
        try:
            if len(directory) > _LONG_PATH and deep < _MOST_OPENED:  # a pod must not hide things in the depth
                descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
                opened.callback(os.close, descriptor)
                directory, deep = f"/proc/self/fd/{descriptor}", deep + 1
            with os.scandir(directory) as entries:
                for entry in entries:
                    found = _entry(entry, device, seen)
                    if found is None:
                        continue
                    total += found
                    inodes += 1
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError:  # removed while we look
            continue
    return total, inodes


def _entry(entry: os.DirEntry[str], device: int, seen: set[int]) -> int | None:
    """Return the bytes of an entry; None for one that does not count: gone, known already, elsewhere."""
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return None
    if status.st_dev != device:
        return None
    if status.st_nlink > 1 and not entry.is_dir(follow_symlinks=False):
        if status.st_ino in seen:
            return None
        seen.add(status.st_ino)
    return status.st_blocks * _BLOCK_BYTES
