"""The authority: who may issue and renew does it here, whatever process he is.

Every change is one transaction of ca.db, on disk before anybody sees its result: a certificate has its row, a serial
comes once, and whoever is killed leaves all or nothing.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from edgelet.adapters.x509 import certificates, requests, signing
from edgelet.adapters.x509.certificates import Certificate
from edgelet.adapters.x509.errors import invalid
from edgelet.adapters.x509.requests import Request
from edgelet.api import identity
from edgelet.api.errors import EdgeletError, ForbiddenError, StorageError
from edgelet.api.identity import Role
from edgelet.ca import audit, join_login, register, terms
from edgelet.ca.database import Database
from edgelet.ca.issuers import ISSUING, Issuer, Issuers, chain
from edgelet.ca.join_login import JoinLogin
from edgelet.ca.records import AuditEntry, Issued, Record
from edgelet.ca.terms import Terms, of_days

DATABASE = "ca.db"
DEFAULT_DIRECTORY = Path("/var/lib/edgelet-ca")

Clock = Callable[[], datetime]


def wall_clock() -> datetime:
    """The server's own time: what the dates of certificates are made of."""
    return datetime.now(UTC)


def _person() -> str:
    """Who sits there, as well as the system knows."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a user id without a name: a container
        return str(os.getuid())


class Authority:
    """One CA directory, open."""

    def __init__(
        self, directory: Path, database: Database, *, passphrase: bytes | None, now: Clock, actor: str
    ) -> None:
        self.directory = directory
        self.database = database
        self.terms: Terms = terms.load(database)
        self.issuers = Issuers(directory, database, self.terms, passphrase=passphrase)
        self.actor = actor  # who is written down in the audit log
        self.now = now

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        passphrase: bytes | None = None,
        now: Clock = wall_clock,
        actor: str = "",
    ) -> Authority:
        """Open what `create` made. Keys are read when something is signed.

        Raises:
            StorageError: There is none, or its database cannot be read.
        """
        return cls(
            directory,
            Database.open(directory / DATABASE),
            passphrase=passphrase,
            now=now,
            actor=actor or f"cli:{_person()}",
        )

    def check_signs(self) -> None:
        """See that certificates can be issued: the key in use is there, whole, and opens. Raises AuthorityKeyError."""
        _, issuer = self._current_issuer()
        self.issuers.signer(issuer)

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Issuing ----------------------------------------------------------------------------------------------------------

    def issue_node(self, csr_pem: bytes, node: str, *, reason: str, days: float | None = None) -> Issued:
        """Sign a node's request; `node` is TENANT/NAME and has to be the request's common name.

        A key that has a good certificate under this name gets the same one again. `reason` is kept with it.

        Raises:
            InvalidObjectError: No good request, or another name (422).
            ConflictError: The key is somebody else's, or its certificate has ended (409).
            ForbiddenError: The key's certificate was revoked (403).
            AuthorityKeyError: The authority's key cannot be used, or its certificate has ended (503).
            StorageError: The database cannot be read or written (503).
        """
        identity.node(node)
        return self.issue_client(csr_pem, node, reason=reason, days=days)

    def issue_client(self, csr_pem: bytes, common_name: str, *, reason: str, days: float | None = None) -> Issued:
        """Sign a request of a node, controller or registrar. Raises as `issue_node` does."""
        wanted = identity.parse(common_name)
        request = requests.read(csr_pem, name=common_name)
        if request.common_name != common_name:
            told = request.common_name[:80].encode("unicode_escape").decode()
            raise invalid(requests.KIND, common_name, "subject", f"asks for another name: {told}")
        with self.database.transaction():
            known = register.repeated(
                self.database, key_digest=request.key_digest, common_name=common_name, now=self.now()
            )
            return (known or self._sign_client(request, wanted.role, reason=reason, days=days)).issued

    def issue_broker(self, csr_pem: bytes, hosts: Sequence[str], *, reason: str, days: float | None = None) -> Issued:
        """Sign a broker's request for these names and addresses; the request's own name is not used.

        Raises as `issue_node` does.
        """
        request = requests.read(csr_pem, name=hosts[0] if hosts else "")
        with self.database.transaction():
            now, issuer = self._current_issuer()
            life = self._life(issuer, now, self.terms.broker_days if days is None else days)
            leaf = signing.server(self.issuers.signer(issuer), request.public_key, hosts=hosts, life=life)
            return self._written(leaf, register.BROKER, issuer, at=now, reason=reason).issued

    def renew(self, csr_pem: bytes, *, present: bytes, grace: timedelta, reason: str) -> Issued:
        """Sign a request of somebody who has a certificate, for the same name and a new key.

        `present` is that certificate (PEM, more may follow); it has to be one of ours, not revoked, and at most `grace`
        past its end. That the asker holds its key is for the caller to check.

        Raises:
            ForbiddenError: It is not ours, was revoked, or ended too long ago (403).
            Further as `issue_node` does.
        """
        record = self.check_present(present, grace=grace)
        request = requests.read(csr_pem, name=record.common_name)
        if request.key_digest == record.key_digest:
            raise invalid(requests.KIND, record.common_name, "publicKey", "must be a new key")
        return self.issue_client(csr_pem, record.common_name, reason=reason)

    def check_present(self, present: bytes, *, grace: timedelta = timedelta(0)) -> Record:
        """What is known of a client's certificate that somebody shows.

        Raises:
            ForbiddenError: It is not one of ours, was revoked, or ended more than `grace` ago.
            InvalidObjectError: It is no certificate.
        """
        leaf = certificates.read(present, name="certificate")[0]
        record = register.by_serial(self.database, leaf.serial)
        if record is None or certificates.read(record.certificate_pem)[0] != leaf or record.role == register.BROKER:
            raise ForbiddenError("the certificate is not one that this authority issued to a client")
        if record.revoked_at is not None:
            raise ForbiddenError(f"the certificate of {record.common_name} was revoked: {record.revoked_reason}")
        if self.now() - record.not_after > grace:
            raise ForbiddenError(
                f"the certificate of {record.common_name} ended at {record.not_after:%Y-%m-%dT%H:%M:%SZ}, "
                "longer ago than is forgiven: a new join token helps"
            )
        return record

    def _sign_client(self, request: Request, role: Role, *, reason: str, days: float | None) -> Record:
        now, issuer = self._current_issuer()
        life = self._life(issuer, now, self.terms.client_days if days is None else days)
        leaf = signing.client(
            self.issuers.signer(issuer), request.public_key, common_name=request.common_name, life=life
        )
        return self._written(leaf, role.value, issuer, at=now, reason=reason)

    def _written(self, leaf: Certificate, role: str, issuer: Issuer, *, at: datetime, reason: str) -> Record:
        # Boards that know only the older root follow the bridge: to brokers, and to what registrars sign.
        bridge = self.issuers.of(issuer.parent).bridge if role in {register.BROKER, Role.REGISTRAR} else b""
        whole = chain(leaf, issuer, bridge)
        record = register.add(self.database, leaf, role=role, issuer=issuer.serial, chain=whole, at=at, reason=reason)
        detail = {"serial": record.serial, "role": role, "reason": reason, "hosts": list(leaf.hosts)}
        self.note("issue", record.common_name, detail=detail)
        return record

    def _current_issuer(self) -> tuple[datetime, Issuer]:
        now = self.now()
        return now, self.issuers.current(ISSUING, now)

    def _life(self, issuer: Issuer, now: datetime, days: float) -> signing.Life:
        start = now.replace(microsecond=0)
        end = min(start + of_days(days), issuer.certificate.not_after)
        return signing.Life(start - timedelta(seconds=self.terms.backdated_s), end)

    # What is known ----------------------------------------------------------------------------------------------------

    def find(self, serial: str) -> Record | None:
        """The certificate with this serial."""
        return register.by_serial(self.database, serial)

    def named(self, which: str) -> list[Record]:
        """Those of a common name, a serial or its beginning; newest first. Raises NotFoundError, ConflictError."""
        return register.named(self.database, which)

    def records(self, *, role: str = "") -> list[Record]:
        """All certificates, or those of a role: node, controller, registrar, broker."""
        return register.all_of(self.database, role=role)

    def shut_out(self) -> list[str]:
        """Names that were revoked and have no good certificate."""
        return register.shut_out(self.database, self.now())

    def join_login(self) -> JoinLogin:
        """User and password of the broker's join listener."""
        return join_login.of(self.database)

    def bundle(self) -> bytes:
        """PEM of all roots and issuing certificates that are trusted, the ones in use first."""
        return self.issuers.bundle(self.now())

    def crl(self) -> bytes:
        """PEM of the revocation lists of all of them, as they were last signed."""
        return self.issuers.crls(self.now())

    # The log ----------------------------------------------------------------------------------------------------------

    @contextmanager
    def audited(self, action: str, subject: str) -> Iterator[None]:
        """Write down what is refused inside; what is done writes itself down. Not within a transaction."""
        try:
            yield
        except StorageError:
            raise
        except EdgeletError as error:
            self.note(action, subject, outcome=error.reason, detail={"message": error.message})
            raise

    def note(
        self, action: str, subject: str, *, outcome: str = audit.OK, detail: Mapping[str, object] | None = None
    ) -> None:
        """Write a row of the audit log."""
        audit.note(
            self.database,
            at=self.now(),
            actor=self.actor,
            action=action,
            subject=subject,
            outcome=outcome,
            detail=detail,
        )

    def log(self, *, newest: int = 1000) -> list[AuditEntry]:
        """The newest rows of the audit log, oldest first."""
        return audit.entries(self.database, newest=newest)
