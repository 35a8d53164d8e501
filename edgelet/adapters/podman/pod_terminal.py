"""The size of a container's terminal, set on the terminal itself.

conmon has a fifo for it, but of messages that come together it carries out the first one several times and drops the
others (seen with 2.1.6 on a busy board): the last size of a window that is drawn larger would be lost.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import struct
import termios

from edgelet.adapters.podman import monitor, processes
from edgelet.adapters.podman.inspection import Inspected

_PTY_MAJORS = range(136, 144)  # Source: Linux, Documentation/admin-guide/devices.txt: UNIX98 PTY slaves


def resize(container: Inspected, *, columns: int, rows: int) -> None:
    """Set the size; programs in the foreground are told by the kernel. A container that ended is no error.

    Raises:
        EngineError: RunContainerError: the main process has no terminal any more, and its monitor refuses.
    """
    pidfd = processes.open_main(container.pid, container.id)
    if pidfd is None:
        return
    try:
        if any(_set(f"/proc/{container.pid}/fd/{number}", columns, rows) for number in range(3)):
            return
    finally:
        os.close(pidfd)
    monitor.resize(container.config_path, columns=columns, rows=rows)


def _set(path: str, columns: int, rows: int) -> bool:
    """Set it if this is a terminal; whether it was."""
    with contextlib.suppress(OSError):
        found = os.stat(path)  # noqa: PTH116  opened below by the same path
        if not stat.S_ISCHR(found.st_mode) or os.major(found.st_rdev) not in _PTY_MAJORS:
            return False
        descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        finally:
            os.close(descriptor)
        return True
    return False
