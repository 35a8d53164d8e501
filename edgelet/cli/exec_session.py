"""The ends of a process in a container, carried over a WebSocket until the agent says how it ended."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from edgelet.cli import http_client, terminal
from edgelet.cli.failure import CliError
from edgelet.cli.websocket import WebSocket

STDIN, STDOUT, STDERR, ERROR, RESIZE = range(5)
CHUNK_BYTES = 32 * 1024
MAXIMUM_AHEAD_BYTES = 256 * 1024  # input read and not yet taken by the agent
MAXIMUM_STATUS_BYTES = 1024 * 1024

Sink = Callable[[bytes], None]


def _to_stdout(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _to_stderr(data: bytes) -> None:
    sys.stderr.buffer.write(data)
    sys.stderr.buffer.flush()


@dataclass(frozen=True, slots=True)
class Ends:
    """What of this side is joined to the process. `stdin` is a descriptor that is read; None hands nothing over."""

    stdin: int | None = None
    stdout: Sink = _to_stdout
    stderr: Sink = _to_stderr
    tty: bool = False
    redraw: bool = False  # have a program that was there before draw its screen again


def run(socket_path: str, target: str, ends: Ends) -> dict[str, Any]:
    """Carry input and output until the process ended, or let us go; returns the Status it ended with.

    Raises:
        ServerError: The agent refused.
        CliError: The connection broke.
    """
    with http_client.connect(socket_path) as connection, ExitStack() as stack:
        websocket = WebSocket(connection)
        websocket.shake_hands(target)
        session = _Session(websocket, ends)
        resized = stack.enter_context(_window_changes()) if ends.tty else None
        if ends.tty and ends.stdin is not None and os.isatty(ends.stdin):
            stack.enter_context(terminal.raw(ends.stdin))
        if ends.tty and ends.redraw:
            session.resize(by=1)
        if ends.tty:
            session.resize()
        return session.carry(resized=resized)


class _Session:
    """What came of the process so far."""

    def __init__(self, websocket: WebSocket, ends: Ends) -> None:
        self._websocket = websocket
        self._ends = ends
        self._said = bytearray()  # of the Status
        self._status: dict[str, Any] | None = None

    def resize(self, *, by: int = 0) -> None:
        """Tell the other terminal how large this one is, or that it is larger."""
        size = os.get_terminal_size(sys.stdout.fileno()) if sys.stdout.isatty() else os.terminal_size((80, 24))
        self._websocket.write(RESIZE, json.dumps({"Width": size.columns + by, "Height": size.lines + by}).encode())

    def carry(self, *, resized: int | None) -> dict[str, Any]:
        """Until the agent says how it ended.

        Nothing here waits for the agent to take input: a command that writes before it reads on would stand still.
        """
        websocket, stdin = self._websocket, self._ends.stdin
        self._take(websocket.early())
        while self._status is None:
            reads = [websocket.fileno(), *([resized] if resized is not None else [])]
            if stdin is not None and websocket.unsent < MAXIMUM_AHEAD_BYTES:
                reads.append(stdin)
            ready, _, _ = select.select(reads, [websocket.fileno()] if websocket.unsent else [], [])
            if resized in ready and resized is not None:
                os.read(resized, CHUNK_BYTES)
                self.resize()
            if stdin is not None and stdin in ready:
                stdin = stdin if self._hand_over(os.read(stdin, CHUNK_BYTES)) else None
            if websocket.fileno() in ready:
                self._take(websocket.pieces())
            websocket.flush()
        return self._status

    def _hand_over(self, data: bytes) -> bool:
        """Send input, or that there is no more; whether more may come."""
        self._websocket.write(STDIN, data) if data else self._websocket.end(STDIN)
        return bool(data)

    def _take(self, pieces: Iterable[tuple[int, bytes, bool]]) -> None:
        """Output is written as it comes, a Status is read once it is whole."""
        for channel, data, finished in pieces:
            if channel == STDOUT and data:
                self._ends.stdout(data)
            elif channel == STDERR and data:
                self._ends.stderr(data)
            elif channel == ERROR:
                self._said += data
                if len(self._said) > MAXIMUM_STATUS_BYTES:
                    raise CliError("the agent sent a Status without end")
                if finished and self._said:
                    self._status = json.loads(self._said)
        if self._websocket.closed and self._status is None:
            raise CliError(f"the agent ended the session: {self._websocket.closed}")


def exit_code(status: dict[str, Any], *, quiet: bool) -> int:
    """Return the code of the Status that a command ended with, and tell of one that is not 0.

    Raises:
        CliError: The command never ran.
    """
    if status.get("status") == "Success":
        return 0
    causes = (status.get("details") or {}).get("causes") or []
    code = next((str(one.get("message")) for one in causes if one.get("reason") == "ExitCode"), "")
    if not code.isdecimal():
        raise CliError(str(status.get("message") or "the command ended without a word of how"))
    if not quiet:
        sys.stdout.flush()
        print(f"command terminated with exit code {code}", file=sys.stderr)
    return int(code)


@contextmanager
def _window_changes() -> Iterator[int]:
    """A descriptor that becomes readable whenever the terminal's size changed."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before_wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    before = signal.signal(signal.SIGWINCH, lambda _signal, _frame: None)
    try:
        yield reader
    finally:
        signal.signal(signal.SIGWINCH, before)
        signal.set_wakeup_fd(before_wakeup)
        os.close(reader)
        os.close(writer)
