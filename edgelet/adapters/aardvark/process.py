"""The server's process: found by its command line, held by a pidfd, told by signals. Blocking.

It makes itself a daemon: the program that is started ends as soon as the server runs. So nobody's child is to be
waited for, and an agent that starts again finds it as well as the one that started it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from edgelet.api.errors import EngineError

PID_FILE = "aardvark.pid"  # written by the server itself into its directory
PORT = 53
_NAME = "aardvark-dns"
# Where Podman looks for its helpers. Source: containers.conf(5), helper_binaries_dir.
_FOLDERS = ("/usr/local/libexec/podman", "/usr/local/lib/podman", "/usr/libexec/podman", "/usr/lib/podman")
_PROC = Path("/proc")
_START_S = 20.0
_END_MS = 3000
_WORDS_BYTES = 400


def program() -> str:
    """Return the path of aardvark-dns, "" where it is not installed."""
    paths = (f"{folder}/{_NAME}" for folder in _FOLDERS)
    return next((each for each in paths if os.access(each, os.X_OK)), "")


def arguments(names: Path, domain: str) -> tuple[str, ...]:
    """Return the command line behind the program's name. `names`: its directory, in which it reads every file."""
    return ("--config", str(names), "--port", str(PORT), "--filter-search-domain", f".{domain}", "run")


def find(names: Path) -> int | None:
    """Return a pidfd of the server that reads this directory, None if there is none. The caller closes it."""
    for pid in _candidates(names):
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            continue
        if _reads(pid, names):  # asked after it was opened: a number used again would be seen
            return pidfd
        os.close(pidfd)
    return None


def command_line(pidfd: int) -> tuple[str, ...]:
    """Return the arguments behind the program's name."""
    with contextlib.suppress(OSError, StopIteration):
        lines = (_PROC / "self/fdinfo" / str(pidfd)).read_text().splitlines()
        pid = next(line.split()[1] for line in lines if line.startswith("Pid:"))
        return _arguments(int(pid))
    return ()


def launch(path: str, names: Path, domain: str) -> None:
    """Start it; it runs in our network and mount namespaces, in a session of its own, and outlives us.

    Raises:
        EngineError: PodDNSUnavailable, in its words.
    """
    told = names.parent / "stderr"
    try:
        with told.open("wb") as stream:
            code = subprocess.run(
                (path, *arguments(names, domain)),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stream,
                env={"PATH": os.environ.get("PATH", os.defpath)},
                cwd="/",
                start_new_session=True,
                timeout=_START_S,
                check=False,
            ).returncode
        words = " ".join(told.read_bytes()[-_WORDS_BYTES:].decode(errors="replace").split())
    except (OSError, subprocess.SubprocessError) as error:
        raise failed(str(error)) from error
    if code:
        raise failed(words or f"it ended with {code}")


def reload(pidfd: int) -> None:
    """Have it read its files again."""
    _send(pidfd, signal.SIGHUP)


def stop(pidfd: int) -> None:
    """End it, and wait for that."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        _send(pidfd, number)
        if not alive(pidfd, wait_ms=_END_MS):
            return


def alive(pidfd: int, *, wait_ms: int = 0) -> bool:
    """Whether it has not ended, after waiting so long for its end."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return not poll.poll(wait_ms)


def failed(why: str) -> EngineError:
    """Return what is raised where there can be no server."""
    return EngineError("PodDNSUnavailable", f"cannot run {_NAME} for the pods' names: {why}")


def _send(pidfd: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, number)


def _candidates(names: Path) -> Iterator[int]:
    """Yield the one that the file names, then whoever else is called so: an agent may die before the file is there."""
    with contextlib.suppress(OSError, ValueError):
        yield int((names / PID_FILE).read_text())
    for folder in _PROC.iterdir():
        if folder.name.isdigit() and _text(folder / "comm").strip() == _NAME:
            yield int(folder.name)


def _reads(pid: int, names: Path) -> bool:
    return _arguments(pid)[:2] == arguments(names, "")[:2]


def _arguments(pid: int) -> tuple[str, ...]:
    program_name, *rest = _text(_PROC / str(pid) / "cmdline").split("\0")[:-1] or ("",)
    return tuple(rest) if Path(program_name).name == _NAME else ()


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
