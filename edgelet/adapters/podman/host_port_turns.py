"""Starts of sandboxes with host ports, and removals of sandboxes: never at the same time.

Netavark's iptables driver (1.4) adds rules of a host port that do not name the pod only where they are not there yet,
and removes them with any pod that had the port. So a pod that takes the port over while the one before still goes is
left without them, and its port does not answer (found by chaos). Source: measured; netavark firewall/varktables.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class _Side:
    """Those of one kind: any number beside each other."""

    def __init__(self) -> None:
        self.inside = 0
        self.empty = asyncio.Event()
        self.empty.set()


class HostPortTurns:
    """Used on one event loop."""

    def __init__(self) -> None:
        self._starts = _Side()
        self._removals = _Side()

    @asynccontextmanager
    async def start(self) -> AsyncGenerator[None]:
        """Start a sandbox with host ports; waits for removals."""
        async with _turn(self._starts, self._removals):
            yield

    @asynccontextmanager
    async def removal(self) -> AsyncGenerator[None]:
        """Remove a sandbox; waits for starts."""
        async with _turn(self._removals, self._starts):
            yield


@asynccontextmanager
async def _turn(mine: _Side, other: _Side) -> AsyncGenerator[None]:
    while other.inside:
        await other.empty.wait()
    mine.inside += 1
    mine.empty.clear()
    try:
        yield
    finally:
        mine.inside -= 1
        if not mine.inside:
            mine.empty.set()
