"""conmon's control fifo and attach socket, beside the container's config.json, and the input that it holds open."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import time
from pathlib import Path

from edgelet.adapters.podman import processes
from edgelet.api.errors import EngineError

_REOPEN_LOG = b"2 0 0\n"  # Source: conmon's ctrl.c, REOPEN_LOGS_EVENT
_RESIZE = "1 {rows} {columns}\n"  # Source: conmon's ctrl.c, WIN_RESIZE_EVENT
_LEAVE_S = 2.0
_LEAVE_PAUSE_S = 0.001
_LEAVE_PACKETS = 64  # at a time
_PACKET_BYTES = 64 * 1024  # conmon's are 8 KiB and one byte


def reopen_log(config_path: str) -> None:
    """Have the monitor make its log file anew; it drops what has that name, so rename first.

    A monitor that is gone writes nothing more, and is no error.

    Raises:
        EngineError: RunContainerError: the fifo refuses.
    """
    _tell(config_path, _REOPEN_LOG)


def resize(config_path: str, *, columns: int, rows: int) -> None:
    """Give the container's terminal another size. A monitor that is gone is no error.

    Raises:
        EngineError: RunContainerError: the fifo refuses.
    """
    _tell(config_path, _RESIZE.format(rows=rows, columns=columns).encode())


def attach(config_path: str) -> socket.socket:
    """Connect to the container's ends, not blocking: packets of one byte for the stream and output, and raw input.

    Measured with conmon 2.1.6: it waits for the slowest of its clients, and the container with it; and without a
    terminal it closes the container's input when any of its clients leaves, also one that never sent anything. End it
    by `let_go`.

    Raises:
        OSError: There is no monitor.
    """
    made = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        # By the directory's descriptor: the path itself is longer than a socket's address may be.
        folder = os.open(Path(config_path).parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            made.connect(f"/proc/self/fd/{folder}/attach")
        finally:
            os.close(folder)
    except BaseException:
        made.close()
        raise
    return made


async def let_go(attached: socket.socket) -> None:
    """Leave what `attach` gave, so that conmon lives on, and the container with it.

    Measured with conmon 2.1.6: a client that closes while output is on its way to it makes conmon crash, once in some
    hundred times: it learns by a write that failed that the client is gone before it learns it by a read. So it is told
    by an empty packet, which it reads as the end, and output is taken until it does not listen any more.
    """
    end_s = time.monotonic() + _LEAVE_S
    try:
        while _listens(attached) and time.monotonic() < end_s:
            _take_output(attached)
            await asyncio.sleep(_LEAVE_PAUSE_S)
    finally:
        attached.close()


def _listens(attached: socket.socket) -> bool:
    """Send an empty packet; whether that is possible yet."""
    try:
        attached.send(b"")
    except BlockingIOError:
        return True
    except OSError:
        return False
    return True


def _take_output(attached: socket.socket) -> None:
    with contextlib.suppress(OSError):
        for _ in range(_LEAVE_PACKETS):
            if not attached.recv(_PACKET_BYTES):
                return


def open_input(container_id: str, *, conmon_pid: int, main_pid: int) -> int:
    """Return a writing end of our own, not blocking, of the pipe that is the container's standard input; -1: none.

    It is a pipe that the monitor writes to, the one that the main process reads from where that still does. Ours can
    go without a word: the monitor's own end stays open.
    """
    pidfd = processes.open_conmon(conmon_pid, container_id)
    if pidfd is None:
        return -1
    try:
        found = _writers(conmon_pid)
        place = found.get(_link(Path(f"/proc/{main_pid}/fd/0"))) or next(iter(found.values()), None)
        opened = os.open(place, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC) if place else -1
        if opened >= 0 and not processes.alive(pidfd):  # then it may have been another's with the same number
            os.close(opened)
            return -1
    except OSError:  # it ended meanwhile
        return -1
    else:
        return opened
    finally:
        os.close(pidfd)


def _writers(pid: int) -> dict[str, Path]:
    """Return the pipes that a process writes to: their names, and where they are opened again."""
    found: dict[str, Path] = {}
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            info = (entry.parent.parent / "fdinfo" / entry.name).read_text()
            flags = int(info.partition("flags:")[2].split()[0], 8)
            if _link(entry).startswith("pipe:") and flags & os.O_ACCMODE == os.O_WRONLY:
                found[_link(entry)] = entry
    return found


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


def _tell(config_path: str, message: bytes) -> None:
    fifo = Path(config_path).parent / "ctl"
    try:
        descriptor = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno in {errno.ENXIO, errno.ENOENT}:
            return
        raise _refused(fifo, error) from error
    try:
        os.write(descriptor, message)
    except OSError as error:
        raise _refused(fifo, error) from error
    finally:
        os.close(descriptor)


def _refused(fifo: Path, error: OSError) -> EngineError:
    return EngineError("RunContainerError", f"cannot tell the monitor at {fifo}: {error.strerror}")
