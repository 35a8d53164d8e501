"""Commands inside a running container through the OCI runtime: no engine, no monitor, nothing left behind.

The process gets what the container's own got (user, groups, environment, directory, capabilities, limits), taken from
its config.json: runc and crun differ in what they fill in themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from edgelet.adapters.podman import processes
from edgelet.adapters.podman.inspection import Inspected
from edgelet.api.errors import EngineError
from edgelet.ports.runtime import ExecResult

_CHUNK_BYTES = 65_536
_DRAIN_S = 0.2  # after the end, for what is still in the pipe: a child in the background may hold it for ever
_KILL_ROUNDS = 40
_KILL_PAUSE_S = 0.025
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one exec, in a directory of its own: the process's definition, its pid, the runtime's words."""

    folder: Path

    @property
    def process(self) -> Path:
        return self.folder / "process.json"

    @property
    def pid(self) -> Path:
        return self.folder / "pid"

    @property
    def log(self) -> Path:
        return self.folder / "log"


class Child:
    """A run of `runc exec`, and behind it a process in the container.

    Args:
        popen: The OCI runtime, in the foreground.
        container: Where it went into.
        files: Removed with `close`.
    """

    def __init__(self, popen: subprocess.Popen[bytes], container: Inspected, files: Files) -> None:
        self._popen = popen
        self._container = container
        self._files = files
        self.ended = asyncio.Event()
        self.exit_code = 0  # after the end; 126 or 127 where the command could not be run at all
        self.not_started = ""  # why it could not
        self._pidfd = os.pidfd_open(popen.pid)
        asyncio.get_running_loop().add_reader(self._pidfd, self._end)

    def _code(self) -> int:
        code = self._popen.returncode or 0
        if code and not self._files.pid.exists():
            self.not_started = self.runtime_words() or f"the OCI runtime ended with {code}"
            return _NOT_EXECUTABLE if "permission denied" in self.not_started.lower() else _NOT_FOUND
        return code if code >= 0 else 128 - code

    def runtime_words(self) -> str:
        """Return what the OCI runtime had to say."""
        try:
            lines = self._files.log.read_text(errors="replace").splitlines()
        except OSError:
            return ""
        words = []
        for line in lines:
            with contextlib.suppress(ValueError, AttributeError):
                words.append(str(json.loads(line).get("msg", "")))
        return " ".join(words)

    def notify_resize(self) -> None:
        """Tell the runtime that the size of its terminal changed."""
        self._popen.send_signal(signal.SIGWINCH)

    async def kill(self) -> None:
        """Kill the command with all that came from it, then the runtime."""
        for _ in range(_KILL_ROUNDS):
            if not self._kill_tree() and self.ended.is_set():
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_KILL_PAUSE_S):
                    await self.ended.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        await self.ended.wait()
        self._kill_tree()

    def close(self) -> None:
        """Remove the files. Call it after the end."""
        shutil.rmtree(self._files.folder, ignore_errors=True)

    def _kill_tree(self) -> int:
        with contextlib.suppress(OSError, ValueError):
            root = int(self._files.pid.read_text())
            inside = processes.members(self._container.cgroup_path)
            return processes.kill_members(processes.descendants(root, inside), self._container.id)
        return 0

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._popen.wait()  # reaps: the pidfd says it ended
        self.exit_code = self._code()
        self.ended.set()


class Executor:
    """Runs commands in containers.

    Args:
        run_dir: For the files of a run; on tmpfs, since an environment may have secrets.
        oci_runtime: Path of runc or crun, the one that runs the containers.

    Attributes:
        ends_lines_outside: Whether LF becomes CR LF in the terminal given to the runtime, not in the container's:
            runc clears ONLCR inside, and sets OPOST outside (its tty.go, console.SetRaw) only after it began to copy.
    """

    def __init__(self, *, run_dir: Path, oci_runtime: str) -> None:
        self._folder = run_dir / "exec"
        self._runtime = oci_runtime
        self.ends_lines_outside = Path(oci_runtime).name == "runc"
        shutil.rmtree(self._folder, ignore_errors=True)  # of an agent that was killed

    async def run(
        self, container: Inspected, argv: tuple[str, ...], *, timeout_s: float, limit_bytes: int
    ) -> ExecResult:
        """Run to the end, or to the end of patience."""
        read_fd, write_fd = os.pipe()
        try:
            with os.fdopen(write_fd, "wb") as sink:
                child = self.spawn(container, argv, tty=False, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink)
        except BaseException:
            os.close(read_fd)
            raise
        output = _Output(read_fd, limit_bytes)
        timed_out = False
        try:
            try:
                async with asyncio.timeout(timeout_s):
                    await child.ended.wait()
            except TimeoutError:
                timed_out = True
                await child.kill()
            await output.drain()
            words = "" if timed_out else child.not_started
            return ExecResult(child.exit_code, bytes(output.data), timed_out=timed_out, not_started=words)
        finally:
            output.close()
            if not child.ended.is_set():
                await asyncio.shield(child.kill())
            child.close()

    def spawn(
        self,
        container: Inspected,
        argv: tuple[str, ...],
        *,
        tty: bool,
        stdin: IO[bytes] | int,
        stdout: IO[bytes] | int,
        stderr: IO[bytes] | int,
    ) -> Child:
        """Start the OCI runtime in the foreground.

        Raises:
            EngineError: BadRequest: the container is not running, or the runtime cannot be started.
        """
        files = Files(self._folder / secrets.token_hex(8))
        try:
            files.folder.mkdir(mode=0o700, parents=True)
            files.process.write_text(json.dumps(_process(container, argv, tty=tty)))
            command = (self._runtime, "--log", str(files.log), "--log-format", "json", "exec")
            popen = subprocess.Popen(
                (*command, "--process", str(files.process), "--pid-file", str(files.pid), container.id),
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
                cwd="/",
            )
        except (OSError, ValueError, KeyError) as error:
            shutil.rmtree(files.folder, ignore_errors=True)
            raise EngineError("BadRequest", f"cannot run {argv[0]} in {container.name}: {error}") from error
        return Child(popen, container, files)


class _Output:
    """What comes out of a pipe, up to a bound; what is beyond it is read and dropped, so that nobody blocks."""

    def __init__(self, fd: int, limit_bytes: int) -> None:
        self.data = bytearray()
        self._fd = fd
        self._limit = limit_bytes
        self._ended = asyncio.Event()
        os.set_blocking(fd, False)
        asyncio.get_running_loop().add_reader(fd, self._read)

    async def drain(self) -> None:
        """Wait for the end of the output, a moment at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_S):
                await self._ended.wait()

    def close(self) -> None:
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _read(self) -> None:
        try:
            chunk = os.read(self._fd, _CHUNK_BYTES)
        except BlockingIOError:
            return
        self.data += chunk[: self._limit - len(self.data)]
        if not chunk:
            asyncio.get_running_loop().remove_reader(self._fd)
            self._ended.set()


def _process(container: Inspected, argv: tuple[str, ...], *, tty: bool) -> dict[str, Any]:
    """Return the process of config.json with another command."""
    process: dict[str, Any] = json.loads(Path(container.config_path).read_text())["process"]
    process.pop("consoleSize", None)
    return process | {"args": list(argv), "terminal": tty}
