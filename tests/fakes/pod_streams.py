"""Streams into the fake engine's containers: a main process that answers lines, and a port that gives bytes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from edgelet.api.errors import EngineError

STDOUT = 1


class FakeMain:
    """A main process that says `got LINE` for each line of its input, and `end` at the end of it."""

    def __init__(self, *, stdin: bool) -> None:
        self._stdin = stdin
        self._line = b""
        self.sessions: list[FakeAttach] = []
        self._ended = False

    @property
    def stdin_open(self) -> bool:
        return self._stdin

    def attach(self, session: FakeAttach) -> None:
        self.sessions.append(session)

    def leave(self, session: FakeAttach) -> None:
        if session in self.sessions:
            self.sessions.remove(session)

    def hear(self, data: bytes) -> None:
        if not self._stdin:
            return
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            self.say(b"got " + line + b"\n")

    def close_stdin(self) -> None:
        if self._stdin:
            self._stdin = False
            self.say(b"end\n")

    def say(self, data: bytes) -> None:
        for session in self.sessions:
            session.chunks.put_nowait((STDOUT, data))

    def end(self) -> None:
        for session in self.sessions:
            session.chunks.put_nowait(None)


class FakeAttach:
    """Satisfies ports.pod_streams.AttachSession."""

    def __init__(self, main: FakeMain, *, stdin: bool, tty: bool) -> None:
        self._main = main
        self._stdin = stdin
        self._tty = tty
        self.chunks: asyncio.Queue[tuple[int, bytes] | None] = asyncio.Queue()
        self.sizes: list[tuple[int, int]] = []
        main.attach(self)

    async def output(self) -> AsyncIterator[tuple[int, bytes]]:
        while (chunk := await self.chunks.get()) is not None:
            yield chunk

    async def write(self, data: bytes) -> None:
        if self._stdin:
            self._main.hear(data)

    async def close_stdin(self) -> None:
        if not self._tty:
            self._main.close_stdin()

    def resize(self, *, columns: int, rows: int) -> None:
        if self._tty:
            self.sizes.append((columns, rows))

    async def detach(self) -> None:
        self._main.leave(self)


class FakeConnection:
    """Satisfies ports.pod_streams.PodConnection: gives back what it is sent, and ends after the other side did."""

    def __init__(self) -> None:
        self._given: asyncio.Queue[bytes] = asyncio.Queue(16)  # then the sender waits
        self.closed = False
        self.dead = False

    async def receive(self) -> bytes:
        return await self._given.get()

    async def send(self, data: bytes) -> None:
        if self.dead:
            raise EngineError("PortForwardError", "write: broken pipe")
        await self._given.put(data)

    def end(self) -> None:
        self._given.put_nowait(b"")

    def close(self) -> None:
        self.closed = True

    def die(self) -> None:
        """Let the process at the other end go."""
        self.dead = True
        if not self._given.full():
            self._given.put_nowait(b"")


def refused(port: int) -> EngineError:
    """The error of a port on which nobody listens."""
    return EngineError(
        "PortForwardError",
        f"failed to connect to localhost:{port} inside namespace, IPv4: dial tcp4 127.0.0.1:{port}: connect: "
        f"connection refused IPv6 dial tcp6 [::1]:{port}: connect: connection refused",
    )
