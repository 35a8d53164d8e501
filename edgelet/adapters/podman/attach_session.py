"""The ends of a container's main process, past the engine.

With a terminal they are conmon's attach socket. Without one, output is what conmon adds to the log, and input goes
into the pipe itself: a client of the socket that leaves would close the container's input, and one that stands still
would stop the container (both measured, see `monitor.attach`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from edgelet.adapters.host import log_lines
from edgelet.adapters.host.log_files import LogFollower
from edgelet.adapters.podman import monitor, pod_terminal
from edgelet.adapters.podman.inspection import Inspected
from edgelet.api.errors import EngineError
from edgelet.ports.pod_streams import AttachSession

log = logging.getLogger(__name__)

STDOUT, STDERR = 1, 2
_PACKET_BYTES = 64 * 1024  # conmon's are 8 KiB and one byte
_INPUT_BYTES = 8 * 1024  # conmon takes 32 KiB of a packet and drops the rest
_STREAMS = {"Stdout": STDOUT, "Stderr": STDERR}


def open_session(
    container: Inspected, *, stdin: bool, tty: bool, alive: Callable[[], bool], others: set[PipeSession]
) -> AttachSession:
    """Join a container; call it on the loop.

    Args:
        container: Which one; it runs.
        stdin: Whether its input is wanted.
        tty: Whether it has a terminal.
        alive: Whether it still runs.
        others: The sessions that hold an input of this container; kept by the caller.

    Raises:
        EngineError: InternalError: its monitor or its log is not there.
    """
    try:
        if tty:
            return TerminalSession(container, stdin=stdin)
        return PipeSession(container, stdin=stdin, alive=alive, others=others)
    except OSError as error:
        raise EngineError(
            "InternalError", f"cannot attach to the container {container.name}: {error.strerror or error}"
        ) from error


class TerminalSession:
    """Satisfies ports.pod_streams.AttachSession for a container with a terminal."""

    def __init__(self, container: Inspected, *, stdin: bool) -> None:
        self._container = container
        self._stdin = stdin
        self._socket = monitor.attach(container.config_path)

    async def output(self) -> AsyncIterator[tuple[int, bytes]]:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ConnectionError):
            while packet := await loop.sock_recv(self._socket, _PACKET_BYTES):
                yield STDOUT, packet[1:]

    async def write(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):  # it ended: the output tells
            for start in range(0, len(data) if self._stdin else 0, _INPUT_BYTES):
                await loop.sock_sendall(self._socket, data[start : start + _INPUT_BYTES])

    async def close_stdin(self) -> None:
        """Do nothing: whoever reads the terminal goes on."""

    def resize(self, *, columns: int, rows: int) -> None:
        pod_terminal.resize(self._container, columns=columns, rows=rows)

    async def detach(self) -> None:
        await monitor.let_go(self._socket)


class PipeSession:
    """Satisfies ports.pod_streams.AttachSession for a container without a terminal."""

    def __init__(
        self, container: Inspected, *, stdin: bool, alive: Callable[[], bool], others: set[PipeSession]
    ) -> None:
        self._config_path = container.config_path
        self._alive = alive
        self._others = others
        self._log = LogFollower(Path(container.log_path))
        self._input = -1
        if stdin:
            self._input = monitor.open_input(container.id, conmon_pid=container.conmon_pid, main_pid=container.pid)
        self._wake = asyncio.Event()  # the input takes more, or is no more
        if self._input >= 0:
            others.add(self)

    async def output(self) -> AsyncIterator[tuple[int, bytes]]:
        async with contextlib.aclosing(self._log.entries(self._alive)) as blocks:
            async for block in blocks:
                for stream, data in _joined(block):
                    yield stream, data

    async def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest and self._input >= 0:
            try:
                rest = rest[os.write(self._input, rest) :]
            except BlockingIOError:
                await self._writable()
            except OSError:  # EPIPE: nobody reads any more
                self.close_input()

    async def close_stdin(self) -> None:
        for session in tuple(self._others):  # each holds the pipe open
            session.close_input()
        try:
            await monitor.let_go(monitor.attach(self._config_path))  # for conmon this is the end of the input
        except OSError as error:
            log.debug("no monitor to close an input", extra={"error": str(error)})

    def resize(self, *, columns: int, rows: int) -> None:
        """Do nothing: there is no terminal."""

    async def detach(self) -> None:
        self.close_input()
        self._log.close()

    def close_input(self) -> None:
        """Let go of the input; a `write` that waits for it returns."""
        self._others.discard(self)
        if self._input >= 0:
            asyncio.get_running_loop().remove_writer(self._input)
            os.close(self._input)
            self._input = -1
            self._wake.set()

    async def _writable(self) -> None:
        loop = asyncio.get_running_loop()
        self._wake.clear()
        loop.add_writer(self._input, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            if self._input >= 0:
                loop.remove_writer(self._input)


def _joined(block: list[bytes]) -> list[tuple[int, bytes]]:
    """Give back what was written; neighbours of one stream become one piece."""
    found: list[tuple[int, bytearray]] = []
    for line in block:
        entry = log_lines.parse(line)
        stream = _STREAMS.get(entry.stream, STDOUT)
        if not found or found[-1][0] != stream:
            found.append((stream, bytearray()))
        found[-1][1].extend(entry.text if entry.partial else entry.text + b"\n")
    return [(stream, bytes(data)) for stream, data in found]
