"""Streams into running pods: the ends of a container's main process, and connections to a port of a pod."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol


class AttachSession(Protocol):
    """The ends of a container's main process. Several may be there at once; each sees all output from now on.

    Whoever opened it calls `detach`. Neither that nor the end of the agent reaches the process: its input stays open.
    """

    def output(self) -> AsyncIterator[tuple[int, bytes]]:
        """Give (1 stdout | 2 stderr, data) until the process ended; with a terminal all is stdout. One reader."""
        ...

    async def write(self, data: bytes) -> None:
        """Send to its standard input; waits while the process does not read. Without such an input nothing happens."""
        ...

    async def close_stdin(self) -> None:
        """Close the process's standard input for good, whoever else is attached. A terminal has no such end."""
        ...

    def resize(self, *, columns: int, rows: int) -> None:
        """Set the size of its terminal; without one nothing happens."""
        ...

    async def detach(self) -> None:
        """Let go, within some seconds. No other method is running or is called afterwards."""
        ...


class PodConnection(Protocol):
    """A TCP connection to a port on the pod's own localhost.

    Raises EngineError(reason "PortForwardError") from `receive` and `send` where it broke, in Go's words.
    """

    async def receive(self) -> bytes:
        """Wait for bytes; empty when the pod has said all."""
        ...

    async def send(self, data: bytes) -> None:
        """Send all; waits while the pod does not read."""
        ...

    def end(self) -> None:
        """Say that nothing more is sent; the other direction goes on."""
        ...

    def close(self) -> None:
        """Let go, at once. No other method is running or is called afterwards."""
        ...
