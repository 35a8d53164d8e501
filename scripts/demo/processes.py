"""Starting programs that outlive us where asked, and ending exactly those."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_PAUSE_S = 0.05


def start(argv: Sequence[str], *, log: Path, pid_file: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own: ^C in our terminal does not reach it."""
    with log.open("ab") as sink:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, env=environment, start_new_session=True
        )
    pid_file.write_text(f"{process.pid} {started(process.pid)}")
    return process


def started(pid: int) -> str:
    """Return when a process began, in the kernel's ticks; "" where there is none. With it a pid is unique."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def end(pid_file: Path, *, timeout_s: float) -> None:
    """End the program that wrote this file, gently first. Does nothing where it ended before."""
    try:
        words = pid_file.read_text().split()
        pid, birth = int(words[0]), words[1]
    except (OSError, ValueError, IndexError):
        return
    for number, wait_s in ((signal.SIGTERM, timeout_s), (signal.SIGKILL, 5.0)):
        if started(pid) != birth:
            break
        os.kill(pid, number)
        _wait_until_gone(pid, birth, wait_s)
    pid_file.unlink(missing_ok=True)


def _wait_until_gone(pid: int, birth: str, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while started(pid) == birth and time.monotonic() < deadline:
        time.sleep(_PAUSE_S)


def naming(text: str) -> list[int]:
    """Return the processes whose command line or working environment names a text, but not our own."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            words = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if text.encode() in words:
            found.append(int(entry.name))
    return found


def tail(path: Path, lines: int) -> str:
    """Return the end of a file, "" where there is none."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
