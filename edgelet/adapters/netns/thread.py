"""A thread that lives for one call, because what it does to itself (unshare, setns) cannot be undone.

Namespaces belong to a thread, not to a process: such a thread changes its own and ends, nobody else notices, and no
program is started. The pool's threads are never used for that: they serve others afterwards.
"""

from __future__ import annotations

import asyncio
import ctypes
import functools
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

NEW_NET, NEW_IPC, NEW_UTS = 0x40000000, 0x08000000, 0x04000000  # Source: linux/sched.h

T = TypeVar("T")


def run(call: Callable[[], T], *, name: str) -> T:
    """Run the call in a thread of its own and wait; what it raises is raised here."""
    results: list[T] = []
    errors: list[BaseException] = []

    def body() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001  carried over to the caller
            errors.append(error)

    worker = threading.Thread(target=body, name=name, daemon=True)
    worker.start()
    worker.join()
    if errors:
        raise errors[0]
    return results[0]


async def run_apart(call: Callable[[], T], *, name: str) -> T:
    """Like `run`, while the loop goes on. A call that was begun is always ended, also when we are cancelled."""
    return await asyncio.shield(asyncio.to_thread(run, call, name=name))


def unshare(kinds: int) -> None:
    """Give this thread new namespaces. Raises OSError."""
    _checked(_libc().unshare(kinds), "unshare")


def enter(path: Path, kind: int) -> None:
    """Put this thread into a pinned namespace. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _checked(_libc().setns(descriptor, kind), str(path))
    finally:
        os.close(descriptor)


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


@functools.cache
def _libc() -> ctypes.CDLL:
    library = ctypes.CDLL(None, use_errno=True)
    library.unshare.argtypes = (ctypes.c_int,)
    library.setns.argtypes = (ctypes.c_int, ctypes.c_int)
    return library
