"""A new authority: made beside its place, then put there in one step."""

from __future__ import annotations

import errno
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

from edgelet.adapters.host import durable_file
from edgelet.api.errors import ConflictError, StorageError
from edgelet.ca import publication, terms
from edgelet.ca.authority import DATABASE, Authority, Clock, wall_clock
from edgelet.ca.database import Database
from edgelet.ca.issuers import ISSUING, ROOT
from edgelet.ca.terms import Terms


def create(
    directory: Path,
    *,
    name: str = "",
    passphrase: bytes | None = None,
    lives: Terms | None = None,
    now: Clock = wall_clock,
    actor: str = "",
) -> Authority:
    """Make root and issuing certificate with their keys, revocation lists and database; open at return.

    `name` begins the names of the certificates; by default it has six random digits, since a broker that trusts two
    authorities has to tell their revocation lists apart.

    Raises:
        ConflictError: The directory has something in it: nothing is ever overwritten.
        StorageError: The file system refuses.
    """
    fresh = directory.with_name(f".{directory.name}.{secrets.token_hex(6)}")
    try:
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise ConflictError(f"{directory} is there and not empty: nothing was changed", reason="AlreadyExists")
        directory.parent.mkdir(parents=True, exist_ok=True)
        fresh.mkdir(mode=0o700)
        _fill(
            fresh,
            name=name or f"edgelet {secrets.token_hex(3)}",
            passphrase=passphrase,
            lives=lives or Terms(),
            now=now,
            actor=actor,
        )
        durable_file.sync_directory(fresh)
        fresh.rename(directory)  # fails where somebody else put one there meanwhile
        durable_file.sync_directory(directory.parent)
    except OSError as error:
        if not _may_have(directory.parent):
            raise StorageError(
                f"cannot make {directory}: {directory.parent} is no directory", retry_after=None
            ) from error
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
            raise ConflictError(f"{directory} was made by somebody else meanwhile", reason="AlreadyExists") from error
        hint = ": give a directory below the mount point" if error.errno == errno.EBUSY else ""
        raise StorageError(f"cannot make {directory}: {error.strerror or error}{hint}", retry_after=None) from error
    finally:
        with suppress(OSError):
            shutil.rmtree(fresh)
    return Authority.open(directory, passphrase=passphrase, now=now, actor=actor)


def _may_have(parent: Path) -> bool:
    """Whether it is a directory, or is not there."""
    return parent.is_dir() or not parent.exists()


def _fill(directory: Path, *, name: str, passphrase: bytes | None, lives: Terms, now: Clock, actor: str) -> None:
    database = Database.open(directory / DATABASE, create=True)
    try:
        terms.save(database, lives)
    finally:
        database.close()
    with Authority.open(directory, passphrase=passphrase, now=now, actor=actor) as authority:
        with authority.database.transaction():
            for role in (ROOT, ISSUING):
                made = authority.issuers.add(role, name=f"{name} {role}", state="current", now=now())
                authority.note("init", made.certificate.common_name, detail={"serial": made.serial})
        publication.publish(authority)
