"""The file beside the authorities that has what they revoked. Read before each connection, so no X.509 here."""

from __future__ import annotations

import contextlib
from pathlib import Path

from edgelet.adapters.host import durable_file
from edgelet.api import revocations
from edgelet.api.errors import EdgeletError, StorageError
from edgelet.api.revocations import Revocations
from edgelet.ports.own_certificate import KeptRevocations


def beside(authorities: Path) -> Path:
    """Return where it lies."""
    return authorities.with_name(f"{authorities.name}.revoked")


def read(path: Path) -> KeptRevocations:
    """Return what is known. A file that is not there or damaged says nothing: it must not cost the link."""
    with contextlib.suppress(OSError):  # of another kind: reading says it in words
        if not path.exists():
            return KeptRevocations(lost=True)
    try:
        return KeptRevocations(revocations.decode(durable_file.read(path, most_bytes=revocations.MAX_BYTES)))
    except EdgeletError as error:
        trouble = f"cannot use {path}: {error.message}; nothing is known to be revoked until the registrar tells again"
        return KeptRevocations(lost=True, trouble=trouble)


def write(path: Path, known: Revocations) -> None:
    """Store it. Raises StorageError."""
    data = revocations.encode(known)
    if len(data) > revocations.MAX_BYTES:
        raise StorageError(f"cannot write {path}: more is revoked than {revocations.MAX_BYTES} bytes hold")
    durable_file.write(path, data)
