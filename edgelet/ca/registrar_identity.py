"""The registrar's own key and certificate: what it signs its answers with, and is known by at the broker."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from edgelet.adapters.host import durable_file
from edgelet.adapters.x509 import certificates, keys, requests
from edgelet.api import identity
from edgelet.api.errors import ConflictError, EdgeletError, StorageError
from edgelet.api.identity import Identity, Role
from edgelet.ca.authority import Authority

_MOST_BYTES = 64 * 1024
_RENEWED_AT = 2 / 3  # of its life


@dataclass(frozen=True, slots=True)
class RegistrarIdentity:
    """Key and certificate in memory, and where the same two lie for TLS."""

    common_name: str
    key: keys.PrivateKey
    chain: str  # PEM: the certificate, then what leads to the root
    not_before: datetime
    not_after: datetime
    certificate_file: Path
    key_file: Path

    def is_due(self, now: datetime) -> bool:
        """Whether a new one has to be made; also where the clock was wrong when this one was."""
        return not self.not_before <= now < self.not_before + (self.not_after - self.not_before) * _RENEWED_AT


def hold_name(directory: Path, name: str) -> int:
    """Have a registrar's name for this process alone; it is let go of when the process ends. Returns the descriptor.

    Two with one name would throw each other off the broker for ever: one common name is one connection.

    Raises:
        ConflictError: Another registrar has it.
        InvalidObjectError: It is no name.
        StorageError: The directory cannot be used.
    """
    identity.parse(Identity(Role.REGISTRAR, "", name).common_name)
    path = directory / f"registrar-{name}.lock"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}", retry_after=None) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise ConflictError(f"a registrar {name} runs already: give this one another --name") from error
    return handle


def ensure(authority: Authority, name: str) -> RegistrarIdentity:
    """Return the registrar's identity, made or renewed where that is due.

    Raises:
        EdgeletError: The authority cannot sign, or the files cannot be written.
    """
    common_name = Identity(Role.REGISTRAR, "", name).common_name
    certificate_file = authority.directory / f"registrar-{name}.crt"
    key_file = authority.directory / f"registrar-{name}.key"
    found = _stored(authority, common_name, certificate_file, key_file)
    if found is not None and not found.is_due(authority.now()):
        return found
    key = keys.generate()
    issued = authority.issue_client(requests.make(key, common_name), common_name, reason="registrar")
    keys.save(key_file, key)
    durable_file.write(certificate_file, issued.certificate_pem)
    return RegistrarIdentity(
        common_name,
        key,
        issued.certificate_pem.decode(),
        issued.not_before,
        issued.not_after,
        certificate_file,
        key_file,
    )


def _stored(authority: Authority, common_name: str, certificate_file: Path, key_file: Path) -> RegistrarIdentity | None:
    """What lies there, if it can be used: a pair, good, and issued by the authority as it is today."""
    try:
        pem = durable_file.read(certificate_file, most_bytes=_MOST_BYTES)
        key = keys.load(key_file)
        leaf = certificates.read(pem)[0]
        record = authority.check_present(pem)
        pair = leaf.key_digest == keys.digest(key.public_key()) and record.common_name == common_name
        current = any(one.serial == record.issuer and one.state == "current" for one in authority.issuers.all())
    except EdgeletError:
        return None
    if not pair or not current:
        return None
    return RegistrarIdentity(
        common_name, key, record.certificate_pem.decode(), leaf.not_before, leaf.not_after, certificate_file, key_file
    )
