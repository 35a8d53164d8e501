"""Pins: files on which a namespace is mounted, so that it lives without a process.

Source: namespaces(7), "The /proc/pid/ns directory"; the same that `ip netns` does.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from edgelet.adapters.host import mounts

OWN = Path("/proc/thread-self/ns")


def pin(kind: str, path: Path) -> None:
    """Pin this thread's namespace ("net", "ipc", "uts") on a new file. Raises OSError."""
    path.touch(mode=0o600)
    mounts.bind(str(OWN / kind), str(path))


def unpin(path: Path) -> None:
    """Let go, and remove the file; the namespace ends with the last process in it. Not there is no error."""
    # Another mount namespace may have pinned on top of it once more: each call takes one away.
    while is_pinned(path):
        mounts.unmount(str(path))
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


def is_pinned(path: Path) -> bool:
    """Whether a namespace is mounted there: after a reboot the file may be left, alone."""
    try:
        return path.stat().st_dev == (OWN / "net").stat().st_dev
    except OSError:
        return False
