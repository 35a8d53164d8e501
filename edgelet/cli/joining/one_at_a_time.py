"""One join at a time: a person and the unit at boot must not take turns in one directory."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgelet.cli.failure import CliError


@contextmanager
def hold(directory: Path) -> Iterator[None]:
    """Have the directory for oneself. The kernel lets go of it when the process ends, however that happens.

    Raises:
        CliError: Another has it, or it cannot be made.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise CliError(f"cannot use {directory}: {error.strerror or error}") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CliError(f"another `edgelet join` works in {directory}") from error
        yield
    finally:
        os.close(handle)
