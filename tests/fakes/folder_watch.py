"""A folder in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from edgelet.api.errors import NotFoundError, StorageError, TooLargeError
from edgelet.ports.folder_watch import FileSignature


class FakeFolder:
    """`write`, `remove` and `vanish` are the world's doing; `reads` lists what was read."""

    def __init__(self) -> None:
        self.there = True
        self.reads: list[str] = []
        self.being_written: set[str] = set()
        self.fail_with: StorageError | None = None
        self.closed = False
        self._files: dict[str, bytes] = {}
        self._versions: dict[str, int] = {}
        self._version = 0
        self._event = asyncio.Event()

    def look(self) -> Mapping[str, FileSignature] | None:
        if not self.there:
            return None
        return {
            name: FileSignature(1, 1, len(content), self._versions[name], being_written=name in self.being_written)
            for name, content in self._files.items()
        }

    def read(self, name: str, *, limit_bytes: int) -> bytes:
        self.reads.append(name)
        if self.fail_with is not None:
            error, self.fail_with = self.fail_with, None
            raise error
        content = self._files.get(name)
        if content is None:
            raise NotFoundError(f"{name} is gone")
        if len(content) > limit_bytes:
            raise TooLargeError(f"{name} has more than {limit_bytes} bytes")
        return content

    async def changed(self, *, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            pass
        self._event.clear()

    def close(self) -> None:
        self.closed = True

    def write(self, name: str, content: bytes) -> None:
        self._version += 1
        self._files[name] = content
        self._versions[name] = self._version
        self._event.set()

    def remove(self, name: str) -> None:
        del self._files[name]
        self._event.set()
