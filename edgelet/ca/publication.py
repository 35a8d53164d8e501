"""ca.crt and crl.pem: what brokers and boards take from the authority, kept as the database has it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgelet.adapters.host import durable_file
from edgelet.api.errors import StorageError
from edgelet.ca.authority import Authority

BUNDLE = "ca.crt"
CRL = "crl.pem"
LOCK = "ca.lock"


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """One process at a time; the others wait. Raises StorageError."""
    try:
        handle = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageError(f"cannot lock {directory / LOCK}: {error.strerror or error}", retry_after=None) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def publish(authority: Authority) -> list[Path]:
    """Write the files that are not as the database says; returns those. Under the lock the newest state wins.

    Raises:
        StorageError: The file system refuses; or the database has no certificate, or lacks one that lies there, and
            nothing was written.
    """
    changed = []
    directory, issuers, now = authority.directory, authority.issuers, authority.now()
    with locked(directory):
        files = {BUNDLE: issuers.bundle(now), CRL: issuers.crls(now)}
        files |= {f"{one.file_stem}.crt": one.certificate.pem() for one in issuers.required()}
        if not files[BUNDLE]:
            return []  # all have ended: brokers and boards say so better than about an empty file
        issuers.check_newest()
        for name, data in files.items():
            path = directory / name
            if _present(path) != data:
                durable_file.write(path, data)
                changed.append(path)
    return changed


def _present(path: Path) -> bytes | None:
    """What lies there now; None where nothing does. Raises StorageError."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror or error}", retry_after=None) from error
