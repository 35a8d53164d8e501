"""Creations of containers under way: in the storage already, and not known to libpod yet.

Podman removes an image by force with every container in the storage that libpod does not know. One that was just being
created then runs without an entry in the storage, and nobody can inspect it any more.

Source: containers/common libimage removeContainers and libpod RemoveStorageContainer; found by chaos.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class Creations:
    """Any number of creations beside each other, or one removal by force alone."""

    def __init__(self) -> None:
        self._door = asyncio.Lock()
        self._under_way = 0
        self._none = asyncio.Event()
        self._none.set()

    @asynccontextmanager
    async def one(self) -> AsyncGenerator[None]:
        """Create something; waits for a removal."""
        async with self._door:
            self._under_way += 1
            self._none.clear()
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._none.set()

    @asynccontextmanager
    async def none(self) -> AsyncGenerator[None]:
        """Remove something by force; waits for what is being created, and what comes later waits."""
        async with self._door:
            await self._none.wait()
            yield
