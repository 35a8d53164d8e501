"""No core dump of this process: its memory holds Secrets."""

from __future__ import annotations

import contextlib

_PR_SET_DUMPABLE = 4  # Source: linux/prctl.h


def forbid() -> None:
    """Have the kernel dump no core of this process, and show its memory to root alone.

    Not by RLIMIT_CORE: children inherit that, and what a container may dump is its owner's business. Programs that are
    started are dumpable again.
    """
    import ctypes  # noqa: PLC0415

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
