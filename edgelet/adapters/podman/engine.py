"""Podman's API service, started when a connection waits and gone by itself when none does.

The agent owns the listening socket; connections wait in its backlog while the service starts, and when it died. So a
call never cares whether the service runs. Cold start to first answer: 60 ms on an amd64 board.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from edgelet.adapters.podman import restart_delay, scratch
from edgelet.adapters.podman.errors import RETRY_SOON
from edgelet.api.errors import EngineError

_SOCKET_PATH_LIMIT_BYTES = 107  # sun_path of Linux, without the closing NUL
_BACKLOG = 128
_LOG_LIMIT_BYTES = 262_144
_LOG_TAIL_BYTES = 600
_TIMEOUTS_BEFORE_KILL = 2
_NO_FILES_WAIT_S = 1.0
_STOP_WAIT_S = 3.0
_IDLE_EDGE_S = 0.25

# The socket comes as fd 0 since only fds 0-9 can be named in a POSIX shell; the service wants it as fd 3, and wants its
# own pid in LISTEN_PID, which nobody but itself knows before exec.
_LAUNCH = 'LISTEN_PID=$$ LISTEN_FDS=1; export LISTEN_PID LISTEN_FDS; exec "$@" 3<&0 </dev/null'


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """How the engine is called: podman with its global flags, and the whole of its environment."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Connection:
    """One connection to the service, good for one call."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Engine:
    """The listening socket and the process behind it.

    Args:
        socket_path: Where we listen; with `program` None the socket of a service that others keep running.
        program: What is started when a connection waits.
        idle_s: The service exits after that long without a connection; also when the agent is dead.
        calls_at_once: Bound of calls in flight (default two a core: more gains nothing). Pulls are not counted.
    """

    def __init__(
        self, *, socket_path: Path, program: Program | None, idle_s: int = 5, calls_at_once: int | None = None
    ) -> None:
        self._path = socket_path
        self._program = program
        self._idle_s = idle_s
        self._slots = asyncio.Semaphore(calls_at_once or 2 * len(os.sched_getaffinity(0)))
        self._listener: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._pidfd = -1
        self._failures = 0
        self._refuse_until_s = 0.0
        self._open_connections = 0
        self._quiet_since_s = 0.0
        self._timeouts = 0
        self._started_at_s = 0.0
        self._answered = False
        self._spawn_words = ""
        self._gone = asyncio.Event()
        self._gone.set()

    @property
    def socket_path(self) -> Path:
        """Where the REST API is reached."""
        return self._path

    @property
    def pid(self) -> int | None:
        """Process id of the running service, None at rest or when somebody else keeps it."""
        return self._process.pid if self._process else None

    @property
    def log_path(self) -> Path:
        """What the service writes to stderr; started anew with each service."""
        return self._path.with_suffix(".log")

    async def open(self) -> None:
        """Listen. Starts nothing yet.

        Raises:
            EngineError: The socket cannot be made (EngineUnavailable).
        """
        if self._program is None or self._listener is not None:
            return
        if len(os.fsencode(self._path)) > _SOCKET_PATH_LIMIT_BYTES:
            raise EngineError(
                "EngineUnavailable",
                f"cannot listen on {self._path}: the path is longer than {_SOCKET_PATH_LIMIT_BYTES} bytes, "
                "choose a shorter run directory",
            )
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.setblocking(False)
            os.fchmod(listener.fileno(), 0o600)  # before bind: at no moment anybody else's to open
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.unlink(missing_ok=True)
            listener.bind(os.fspath(self._path))
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            raise EngineError("EngineUnavailable", f"cannot listen on {self._path}: {error.strerror}") from error
        self._listener = listener
        self._watch_listener()

    async def close(self) -> None:
        """Stop listening and end the service; containers and their monitors live on."""
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener.fileno())
            self._listener.close()
            self._listener = None
            self._path.unlink(missing_ok=True)
        process = self._process
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(_STOP_WAIT_S):
                await self._gone.wait()
        except TimeoutError:
            process.kill()
            await self._gone.wait()

    @contextlib.asynccontextmanager
    async def connect(self, *, counted: bool = True) -> AsyncIterator[Connection]:
        """Give a connection for one call; waits for a free slot unless `counted` is False.

        Raises:
            EngineError: EngineUnavailable, with retry_after.
        """
        async with self._slots if counted else contextlib.nullcontext():
            await self._pass_idle_edge()
            connection = await self._connect()
            self._open_connections += 1
            try:
                yield connection
            finally:
                self._open_connections -= 1
                self._quiet_since_s = asyncio.get_running_loop().time()
                connection.writer.close()
                self._bound_log()

    def note_answer(self) -> None:
        """Take note that the service answered: it works."""
        self._timeouts = 0
        self._failures = 0
        self._answered = True

    def note_timeout(self) -> None:
        """Take note that a call was given up; a service that is deaf to several in a row is killed and replaced."""
        self._timeouts += 1
        if self._timeouts >= _TIMEOUTS_BEFORE_KILL and self._process is not None:
            self._timeouts = 0
            self._process.kill()

    def last_words(self) -> str:
        """Return why the last start failed, or the end of what the service wrote to stderr, in one line."""
        if self._spawn_words:
            return self._spawn_words
        try:
            text = self.log_path.read_bytes()[-_LOG_TAIL_BYTES:]
        except OSError:
            return ""
        return " ".join(text.decode(errors="replace").split())

    async def _connect(self) -> Connection:
        wait_s = self._refuse_until_s - asyncio.get_running_loop().time()
        if wait_s > 0:
            raise self._unavailable(timedelta(seconds=wait_s))
        try:
            reader, writer = await asyncio.open_unix_connection(self._path)
        except OSError as error:
            raise EngineError(
                "EngineUnavailable", f"cannot connect to {self._path}: {error.strerror}", retry_after=RETRY_SOON
            ) from error
        return Connection(reader, writer)

    async def _pass_idle_edge(self) -> None:
        # A connection that the service takes while it is already shutting down may be cut after idle_s. Our clock
        # started earlier than its, so near the edge let it go first and be served by the next one.
        if self._process is None or self._open_connections:
            return
        quiet_s = asyncio.get_running_loop().time() - self._quiet_since_s
        if quiet_s < self._idle_s - _IDLE_EDGE_S:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2 * _IDLE_EDGE_S + 0.5):
                await self._gone.wait()

    def _watch_listener(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().add_reader(self._listener.fileno(), self._connection_waits)

    def _connection_waits(self) -> None:
        if asyncio.get_running_loop().time() < self._refuse_until_s:
            self._turn_away()
            return
        listener, program = self._listener, self._program
        if listener is None or program is None:
            return
        asyncio.get_running_loop().remove_reader(listener.fileno())
        try:
            self._spawn(program, listener.fileno())
        except OSError as error:
            self._spawn_words = f"{error.filename or 'fork'}: {error.strerror}"
            self._failed()

    def _spawn(self, program: Program, listener_fd: int) -> None:
        argv = (*program.argv, "system", "service", f"--time={self._idle_s}")
        with self.log_path.open("wb") as log:
            # Its own session: neither ^C on a terminal nor the end of the agent's process group reaches it.
            process = subprocess.Popen(
                ("/bin/sh", "-c", _LAUNCH, "sh", *argv),
                stdin=listener_fd,
                stdout=log,
                stderr=log,
                env=scratch.environment(program.environment, instead=self.log_path.parent),
                cwd="/",
                start_new_session=True,
            )
        try:
            self._pidfd = os.pidfd_open(process.pid)
        except OSError:  # nobody would see it end
            process.kill()
            process.wait()
            raise
        loop = asyncio.get_running_loop()
        self._process = process
        self._gone.clear()
        self._started_at_s = loop.time()
        self._answered = False
        self._spawn_words = ""
        loop.add_reader(self._pidfd, self._ended, process)

    def _ended(self, process: subprocess.Popen[bytes]) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        code = process.wait()  # reaps: the pidfd says it ended
        self._process = None
        self._gone.set()
        if code != 0 and self._program is not None:
            scratch.clear(self._program.environment)
        was_idle = code == 0 and loop.time() - self._started_at_s >= self._idle_s
        if self._answered or was_idle:  # one that worked and was killed says nothing about the next
            self._watch_listener()
        else:
            self._failed()

    def _failed(self) -> None:
        self._failures += 1
        delay_s = restart_delay.after(self._failures)
        self._refuse_until_s = asyncio.get_running_loop().time() + delay_s
        self._watch_listener()
        if delay_s:
            self._turn_away()

    def _turn_away(self) -> None:
        # Whoever waits learns at once that nobody comes: a closed connection instead of a long silence.
        if self._listener is not None:
            self._listener.setblocking(False)  # the service shares this flag and may have changed it
        while self._listener is not None:
            try:
                waiting, _ = self._listener.accept()
            except OSError as error:
                if error.errno not in {errno.EAGAIN, errno.ECONNABORTED}:  # no file descriptor even for that
                    loop = asyncio.get_running_loop()
                    loop.remove_reader(self._listener.fileno())  # it stays readable: not round and round
                    loop.call_later(_NO_FILES_WAIT_S, self._watch_listener)
                return
            waiting.close()

    def _unavailable(self, retry_after: timedelta) -> EngineError:
        words = self.last_words() or "it ended without a word"
        return EngineError("EngineUnavailable", f"cannot start podman's service: {words}", retry_after=retry_after)

    def _bound_log(self) -> None:
        with contextlib.suppress(OSError):
            if self.log_path.stat().st_size > _LOG_LIMIT_BYTES:
                os.truncate(self.log_path, 0)
