"""conmon's control fifo, beside the container's config.json."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from edgelet.api.errors import EngineError

_REOPEN_LOG = b"2 0 0\n"  # Source: conmon's ctrl.c, REOPEN_LOGS_EVENT


def reopen_log(config_path: str) -> None:
    """Have the monitor make its log file anew; it drops what has that name, so rename first.

    A monitor that is gone writes nothing more, and is no error.

    Raises:
        EngineError: RunContainerError: the fifo refuses.
    """
    fifo = Path(config_path).parent / "ctl"
    try:
        descriptor = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno in {errno.ENXIO, errno.ENOENT}:
            return
        raise _refused(fifo, error) from error
    try:
        os.write(descriptor, _REOPEN_LOG)
    except OSError as error:
        raise _refused(fifo, error) from error
    finally:
        os.close(descriptor)


def _refused(fifo: Path, error: OSError) -> EngineError:
    return EngineError("RunContainerError", f"cannot have a log made anew by {fifo}: {error.strerror}")
