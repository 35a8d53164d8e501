"""What lies in the directory and is newer than ca.db: that one was put back from a backup.

Certificates and revocation lists are written after the database has them. So a directory that has more than its
database tells that the database is an older one, and what it has must not be lost for that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from pathlib import Path

from edgelet.adapters.x509 import certificates, revocation
from edgelet.adapters.x509.certificates import Certificate
from edgelet.adapters.x509.revocation import RevocationList
from edgelet.api.errors import EdgeletError, StorageError

CRL = "crl.pem"
_AUTHORITY = re.compile(r"(?:root|issuing)(?:-[0-9]+)?\.crt")


def check(directory: Path, serials: Callable[[], Collection[str]]) -> None:
    """See that the database has every authority that lies beside it.

    `serials` gives those that it has; it is asked last, since another process may add one meanwhile.

    Raises:
        StorageError: It lacks one: a new one would take its files, and the bundle would be without it.
    """
    found = [(path.name, _serial(path)) for path in sorted(_listed(directory)) if _AUTHORITY.fullmatch(path.name)]
    known = serials()
    if lacking := [name for name, serial in found if serial and serial not in known]:
        raise StorageError(
            f"{directory / 'ca.db'} is older than {', '.join(lacking)} beside it: put the newest backup back, or move "
            "these away with their keys where there is none (docs/CERTIFICATES.md)",
            retry_after=None,
        )


def published(directory: Path, issuer: Certificate) -> RevocationList | None:
    """Return the newest revocation list of an authority in the file for brokers; None where there is none."""
    try:
        return revocation.newest((directory / CRL).read_bytes(), issuer)
    except OSError:
        return None


def _listed(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except OSError as error:
        raise StorageError(f"cannot read {directory}: {error.strerror or error}", retry_after=None) from error


def _serial(path: Path) -> str:
    """Return whose file it is; "" for one that is damaged, which is written anew."""
    try:
        return certificates.read(path.read_bytes())[0].serial
    except (OSError, EdgeletError):
        return ""
