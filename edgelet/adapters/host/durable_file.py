"""Files that are either as they were or as they shall be, whenever the power goes."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from edgelet.api.errors import StorageError

SECRET = 0o600
PUBLIC = 0o644


def write(path: Path, data: bytes, *, mode: int = PUBLIC, group: int | None = None) -> None:
    """Put `data` there with these rights: written beside it, fsynced, renamed, the directory fsynced.

    The bytes are never readable for more than `mode` says. `group` is a number; None leaves the process's own.

    Raises:
        StorageError: The file system refuses; what was there before is still there.
    """
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, SECRET)
        try:
            with os.fdopen(handle, "wb", closefd=False) as stream:
                stream.write(data)
            if group is not None:
                os.fchown(handle, -1, group)
            os.fchmod(handle, mode)
            os.fsync(handle)
        finally:
            os.close(handle)
        fresh.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}", retry_after=None) from error
    finally:
        with suppress(OSError):
            fresh.unlink()


def sync_directory(directory: Path) -> None:
    """Have what was renamed or removed there outlive a power cut. Raises OSError."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read(path: Path, *, most_bytes: int) -> bytes:
    """All of a file that is not larger than `most_bytes`.

    Raises:
        StorageError: It is not there, cannot be read, or is larger.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(most_bytes + 1)
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror or error}", retry_after=None) from error
    if len(data) > most_bytes:
        raise StorageError(f"cannot read {path}: it has more than {most_bytes} bytes", retry_after=None)
    return data
