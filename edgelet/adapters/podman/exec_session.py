"""An interactive process inside a container: pipes or a terminal, resized and half-closed as people do."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import termios
import tty as terminal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from edgelet.adapters.podman.exec import Child, Executor
from edgelet.adapters.podman.inspection import Inspected
from edgelet.ports.runtime import ExecSession

STDOUT, STDERR = 1, 2
_CHUNK_BYTES = 65_536
_QUEUED_CHUNKS = 16  # then the process inside waits: memory is bounded
_DRAIN_S = 0.2  # silence after the end that ends the output, though a child in the background holds the pipe
_OFLAG = 1  # where termios.tcgetattr has the output modes
_END_OF_INPUT = b"\x04"  # a terminal has no half-close: ^D


async def open_session(
    executor: Executor, container: Inspected, argv: tuple[str, ...], *, stdin: bool, tty: bool
) -> ExecSession:
    """Start a command and return its session.

    Raises:
        EngineError: BadRequest.
    """
    ends = _terminal(line_ends=executor.ends_lines_outside) if tty else _pipes(stdin=stdin)
    try:
        child = executor.spawn(
            container,
            argv,
            tty=tty,
            stdin=subprocess.DEVNULL if ends.child_in < 0 else ends.child_in,
            stdout=ends.child_out,
            stderr=ends.child_err,
        )
    except BaseException:
        ends.close_ours()
        raise
    finally:
        ends.close_childs()
    return Session(child, ends)


@dataclass(frozen=True, slots=True)
class _Ends:
    """File descriptors of both sides; -1 = none. With a terminal one may stand in several places."""

    our_in: int
    our_out: int
    our_err: int
    child_in: int
    child_out: int
    child_err: int
    terminal: bool

    def close_ours(self) -> None:
        _close(self.our_in, self.our_out, self.our_err)

    def close_childs(self) -> None:
        _close(self.child_in, self.child_out, self.child_err)


class Session:
    """Satisfies ports.runtime.ExecSession. Whoever opened it reads `output` to its end or calls `kill`."""

    def __init__(self, child: Child, ends: _Ends) -> None:
        self._child = child
        self._ends = ends
        self._input = ends.our_in
        self._closed = False
        self._delivered = 0
        self._chunks: asyncio.Queue[tuple[int, bytes] | None] = asyncio.Queue(_QUEUED_CHUNKS)
        for fd in {ends.our_in, ends.our_out, ends.our_err} - {-1}:
            os.set_blocking(fd, False)
        self._task = asyncio.get_running_loop().create_task(self._pump_all(), name="exec-session")

    async def output(self) -> AsyncIterator[tuple[int, bytes]]:
        """Give chunks until all ended."""
        while (chunk := await self._chunks.get()) is not None:
            yield chunk

    async def write(self, data: bytes) -> None:
        """Send to its standard input; after its end nothing happens."""
        rest = memoryview(data)
        while rest and self._input >= 0:
            try:
                rest = rest[os.write(self._input, rest) :]
            except BlockingIOError:
                if not await self._wait_writable(self._input):
                    return
            except OSError:  # EPIPE, EIO: nobody reads any more
                return

    async def close_stdin(self) -> None:
        """Say that no more input comes."""
        if self._ends.terminal:
            await self.write(_END_OF_INPUT)
        elif self._input >= 0:
            _close(self._input)
            self._input = -1

    def resize(self, *, columns: int, rows: int) -> None:
        """Set the size of the terminal; without one nothing happens."""
        if not self._ends.terminal or self._closed or self._child.ended.is_set():
            return
        fcntl.ioctl(self._ends.our_out, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._child.notify_resize()

    async def wait(self) -> int:
        """Return the exit code, after the output ended."""
        await asyncio.shield(self._task)
        return self._child.exit_code

    async def kill(self) -> None:
        """End it with all that came from it; what was not read of its output is dropped."""
        await self._child.kill()
        while not self._task.done():
            with contextlib.suppress(asyncio.QueueEmpty):
                self._chunks.get_nowait()
            await asyncio.wait((self._task,), timeout=_DRAIN_S / 20)
        if self._chunks.empty():
            self._chunks.put_nowait(None)  # the end may have been among what was dropped

    async def _pump_all(self) -> None:
        streams = ((STDOUT, self._ends.our_out), (STDERR, self._ends.our_err))
        async with asyncio.TaskGroup() as group:
            pumps = [
                group.create_task(self._pump(stream, fd), name=f"exec-output-{stream}")
                for stream, fd in streams
                if fd >= 0 and (stream == STDOUT or not self._ends.terminal)
            ]
            await self._child.ended.wait()
            await self._drained(pumps)
            for pump in pumps:
                pump.cancel()
        self._close()
        await self._chunks.put(None)

    async def _drained(self, pumps: list[asyncio.Task[None]]) -> None:
        """Wait for the end of the output, or for silence that is not a slow reader's."""
        while True:
            before = self._delivered
            _, pending = await asyncio.wait(pumps, timeout=_DRAIN_S)
            if not pending or (self._delivered == before and not self._chunks.full()):
                return

    async def _pump(self, stream: int, fd: int) -> None:
        while True:
            try:
                data = os.read(fd, _CHUNK_BYTES)
            except BlockingIOError:
                await _ready(fd, asyncio.get_running_loop().add_reader, asyncio.get_running_loop().remove_reader)
                continue
            except OSError:  # EIO: nobody has the other end of the terminal any more
                return
            if not data:
                return
            await self._chunks.put((stream, data))
            self._delivered += 1

    async def _wait_writable(self, fd: int) -> bool:
        loop = asyncio.get_running_loop()
        ended = loop.create_task(self._child.ended.wait(), name="exec-ended")
        ready = loop.create_task(_ready(fd, loop.add_writer, loop.remove_writer), name="exec-writable")
        try:
            await asyncio.wait((ended, ready), return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
            ready.cancel()
            await asyncio.wait((ended, ready))
        return not self._child.ended.is_set()

    def _close(self) -> None:
        self._closed = True
        if not self._ends.terminal:
            _close(self._input)
        self._input = -1
        _close(self._ends.our_out, self._ends.our_err)
        self._child.close()


async def _ready(fd: int, add: Callable[[int, Callable[[], None]], object], remove: Callable[[int], object]) -> None:
    came = asyncio.Event()
    add(fd, came.set)
    try:
        await came.wait()
    finally:
        remove(fd)


def _pipes(*, stdin: bool) -> _Ends:
    child_in, our_in = os.pipe() if stdin else (-1, -1)
    our_out, child_out = os.pipe()
    our_err, child_err = os.pipe()
    return _Ends(our_in, our_out, our_err, child_in, child_out, child_err, terminal=False)


def _terminal(*, line_ends: bool) -> _Ends:
    ours, childs = pty.openpty()
    terminal.setraw(childs)  # only the terminal inside the container edits, echoes and signals, from the first byte on
    if line_ends:
        settings = termios.tcgetattr(childs)
        settings[_OFLAG] |= termios.OPOST | termios.ONLCR
        termios.tcsetattr(childs, termios.TCSANOW, settings)
    return _Ends(ours, ours, ours, childs, childs, childs, terminal=True)


def _close(*fds: int) -> None:
    for fd in {*fds} - {-1}:
        os.close(fd)
