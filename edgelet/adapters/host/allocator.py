"""The C library's memory: one pool for all threads.

glibc gives each thread a pool of its own, against contention that an interpreter with one lock does not have: under
churn six threads held 3 MB that way (measured), most of it free.
"""

from __future__ import annotations

import contextlib

_M_TRIM_THRESHOLD, _M_ARENA_MAX = -1, -8  # Source: glibc's malloc.h
_TRIM_BYTES = 128 * 1024


def settle() -> None:
    """Use one pool and give back what is free at its end. Call it before the first thread; another libc ignores it."""
    import ctypes  # noqa: PLC0415

    with contextlib.suppress(OSError, AttributeError):  # musl has no mallopt
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_TRIM_THRESHOLD, _TRIM_BYTES)
