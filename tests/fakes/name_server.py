"""A name server that answers nobody and remembers what it was told."""

from __future__ import annotations

import asyncio

from edgelet.api.errors import EngineError
from edgelet.ports.name_server import NameEntry


class FakeNameServer:
    """Satisfies ports.name_server.NameServer. `plugged_in` and `broken` are the test's to change."""

    def __init__(self) -> None:
        self.running = False  # since before
        self.plugged_in = True
        self.broken = ""
        self.served: list[tuple[NameEntry, ...]] = []
        self._gone = asyncio.Event()

    async def why_not(self) -> str:
        return self.broken

    async def runs(self) -> bool:
        return self.running

    async def serve(self, entries: tuple[NameEntry, ...]) -> bool:
        self.served.append(entries)
        if not entries:
            self.running = False
            return True
        if self.broken:
            raise EngineError("PodDNSUnavailable", self.broken)
        self.running = self.plugged_in
        return self.plugged_in

    async def ended(self) -> None:
        await self._gone.wait()
        self._gone.clear()

    def end(self) -> None:
        """Die."""
        self.running = False
        self._gone.set()
