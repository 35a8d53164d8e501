"""Roots and issuing certificates of one authority, old and new side by side, with their keys and revocation lists.

A new one is `coming`: trusted, with a revocation list, not yet used. Brokers and boards learn of it meanwhile. Then it
is `current` and the one before it `former`: still trusted, its list still renewed. In the end that one is `dropped`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from edgelet.adapters.x509 import certificates, keys, revocation, signing
from edgelet.adapters.x509.certificates import Certificate
from edgelet.adapters.x509.revocation import RevocationList, Revoked
from edgelet.api.errors import EdgeletError, NotFoundError, StorageError
from edgelet.ca import put_back
from edgelet.ca.database import Database, damaged
from edgelet.ca.records import moment, seconds
from edgelet.ca.terms import Terms, crl_due, of_days

ROOT = "root"
ISSUING = "issuing"

# Those whose certificates are trusted, the one in use first.
_TRUSTED = """SELECT * FROM issuers WHERE role = ? AND state <> 'dropped' AND not_after >= ?
ORDER BY state = 'current' DESC, generation DESC"""


class AuthorityKeyError(StorageError):
    """The authority cannot sign: a matter of its server, never of who asks. Code 503, reason ServiceUnavailable.

    The message names files: it is for the server's own people.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, retry_after=None)
        self.reason = "ServiceUnavailable"


@dataclass(frozen=True, slots=True)
class Issuer:
    """One certificate that signs."""

    role: str  # root, issuing
    generation: int
    state: str  # coming, current, former, dropped
    parent: str  # serial of the root
    certificate: Certificate
    bridge: bytes  # PEM: this root signed by the one before it; empty for the first and for issuing ones
    crl: bytes
    crl_this_update: datetime
    crl_next_update: datetime

    @property
    def serial(self) -> str:
        """Hex."""
        return self.certificate.serial

    @property
    def file_stem(self) -> str:
        """Names its files: root, root-2 ..."""
        return self.role if self.generation == 1 else f"{self.role}-{self.generation}"


class Issuers:
    """The authority's own certificates."""

    def __init__(self, directory: Path, database: Database, terms: Terms, *, passphrase: bytes | None) -> None:
        self._directory = directory
        self._database = database
        self._terms = terms
        self._passphrase = passphrase
        self._keys: dict[str, keys.PrivateKey] = {}

    def trusted(self, role: str, now: datetime) -> list[Issuer]:
        """Those that are neither dropped nor at their end; the one in use first."""
        return [self._issuer(row) for row in self._database.rows(_TRUSTED, role, seconds(now))]

    def all(self) -> list[Issuer]:
        """Every one that there ever was, roots first."""
        rows = self._database.rows("SELECT * FROM issuers ORDER BY role DESC, generation")
        return [self._issuer(row) for row in rows]

    def required(self) -> list[Issuer]:
        """As `all`: an authority is made with two. Raises StorageError: there is none, the database is damaged."""
        found = self.all()
        if not found:
            raise damaged(self._database.path)
        return found

    def of(self, serial: str) -> Issuer:
        """The one with this serial. Raises NotFoundError."""
        row = self._database.row("SELECT * FROM issuers WHERE serial = ?", serial)
        if row is None:
            raise NotFoundError(f"there is no issuing certificate {serial}")
        return self._issuer(row)

    def current(self, role: str, now: datetime) -> Issuer:
        """The one in use.

        Raises:
            AuthorityKeyError: It has come to its end.
        """
        for one in self.trusted(role, now):
            if one.state == "current":
                return one
        raise AuthorityKeyError(f"cannot sign: the {role} certificate has ended; make a new one with edgelet ca roll")

    def signer(self, issuer: Issuer) -> signing.Signer:
        """With its key, which is read once.

        Raises:
            AuthorityKeyError: The key is not there (a root's may lie in a safe), is damaged or another's, or the
                passphrase is missing or wrong.
        """
        key = self._keys.get(issuer.serial)
        if key is None:
            path = self.key_path(issuer.file_stem)
            try:
                key = keys.load(path, passphrase=self._passphrase)
            except EdgeletError as error:
                raise AuthorityKeyError(f"cannot sign with {path}: {error.message}") from error
            if keys.digest(key.public_key()) != issuer.certificate.key_digest:
                raise AuthorityKeyError(f"cannot sign with {path}: it is not the key of {issuer.file_stem}.crt")
            self._keys[issuer.serial] = key
        return signing.Signer(issuer.certificate, key)

    def has_key(self, issuer: Issuer) -> bool:
        """Whether its key lies where it is looked for."""
        return issuer.serial in self._keys or self.key_path(issuer.file_stem).exists()

    def key_path(self, stem: str) -> Path:
        """Where a key lies."""
        return self._directory / f"{stem}.key"

    def bundle(self, now: datetime) -> bytes:
        """PEM of all roots and issuing certificates that are trusted."""
        found = [*self.trusted(ROOT, now), *self.trusted(ISSUING, now)]
        return certificates.bundle([one.certificate for one in found])

    def crls(self, now: datetime) -> bytes:
        """PEM of the revocation lists of all that are trusted, issuing ones first."""
        return b"".join(self.newest_crl(one) for one in (*self.trusted(ISSUING, now), *self.trusted(ROOT, now)))

    def newest_crl(self, issuer: Issuer) -> bytes:
        """Its list, or a newer one that brokers have: what is revoked stays so after a backup was put back."""
        own = revocation.newest(issuer.crl, issuer.certificate)
        there = put_back.published(self._directory, issuer.certificate)
        return there.pem if there is not None and (own is None or there.number > own.number) else issuer.crl

    def check_newest(self) -> None:
        """See that no authority lies beside the database that it does not have. Raises StorageError."""
        put_back.check(self._directory, lambda: {one.serial for one in self.all()})

    def add(self, role: str, *, name: str, state: str, now: datetime) -> Issuer:
        """Make a key and a certificate with its revocation list; within the caller's transaction.

        The key is on disk before the row is: who is killed between the two leaves a file that the next one replaces.
        Raises StorageError, also where the database is older than the directory, and AuthorityKeyError where a key is
        missing.
        """
        self.check_newest()
        row = self._database.row("SELECT max(generation) AS newest FROM issuers WHERE role = ?", role)
        generation = (row["newest"] or 0) + 1 if row else 1
        stem = role if generation == 1 else f"{role}-{generation}"
        key = keys.generate()
        certificate, parent, bridge = self._certificate(role, f"{name} {generation}", key, now)
        keys.save(self.key_path(stem), key, passphrase=self._passphrase)
        self._keys[certificate.serial] = key
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO issuers VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', 0, 0, 0)",
                (
                    *(certificate.serial, role, generation, state, parent),
                    *(certificate.pem().decode(), bridge.decode(), seconds(certificate.not_after)),
                ),
            )
        self.sign_crl(self.of(certificate.serial), now)
        return self.of(certificate.serial)

    def set_state(self, issuer: Issuer, state: str) -> None:
        """Move it on; within the caller's transaction."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE issuers SET state = ? WHERE serial = ?", (state, issuer.serial))

    def sign_crl(self, issuer: Issuer, now: datetime) -> None:
        """Make its revocation list anew, numbered one higher. Raises as `signer` does."""
        signer = self.signer(issuer)
        days = self._terms.root_crl_days if issuer.role == ROOT else self._terms.crl_days
        this_update = now.replace(microsecond=0) - timedelta(seconds=self._terms.backdated_s)
        with self._database.transaction() as connection:
            row = connection.execute("SELECT crl_number FROM issuers WHERE serial = ?", (issuer.serial,)).fetchone()
            before = self._lists_before(issuer)
            made = revocation.make(
                signer,
                [*self._revoked(issuer, now), *self._carried(issuer, before)],
                number=max(row["crl_number"], *(one.number for one in before), 0) + 1,
                this_update=this_update,
                next_update=now.replace(microsecond=0) + of_days(days),
            )
            connection.execute(
                "UPDATE issuers SET crl = ?, crl_number = ?, crl_this_update = ?, crl_next_update = ? WHERE serial = ?",
                (
                    *(made.pem.decode(), made.number),
                    *(seconds(made.this_update), seconds(made.next_update), issuer.serial),
                ),
            )

    def behind(self, now: datetime) -> dict[Issuer, int]:
        """Those with a newer revocation list in the file for brokers, and how many the database lacks.

        It was put back from a backup. Not those whose key is elsewhere: brokers keep the list that they have.
        """
        found = {}
        for one in (*self.trusted(ISSUING, now), *self.trusted(ROOT, now)):
            own = revocation.newest(one.crl, one.certificate)
            there = put_back.published(self._directory, one.certificate)
            if there is not None and own is not None and there.number > own.number and self.has_key(one):
                found[one] = there.number - own.number
        return found

    def _lists_before(self, issuer: Issuer) -> list[RevocationList]:
        """Its newest lists, as the database has it and as brokers have it."""
        every = (
            revocation.newest(issuer.crl, issuer.certificate),
            put_back.published(self._directory, issuer.certificate),
        )
        return [one for one in every if one is not None]

    def _carried(self, issuer: Issuer, before: list[RevocationList]) -> list[Revoked]:
        """What an earlier list named and the database does not know to be revoked: that was revoked after a backup.

        A certificate that the database has is revoked in it, too; within the caller's transaction.
        """
        at = {serial: one.this_update for one in before for serial in one.serials}
        carried = []
        for serial, when in sorted(at.items()):
            if issuer.role == ROOT:
                known = self._database.row("SELECT state FROM issuers WHERE serial = ?", serial)
                if known is None or known["state"] != "dropped":
                    carried.append(Revoked(serial, when))
                continue
            row = self._database.row("SELECT revoked_at FROM certificates WHERE serial = ?", serial)
            if row is None:
                carried.append(Revoked(serial, when))
            elif row["revoked_at"] is None:
                carried.append(Revoked(serial, when))
                with self._database.transaction() as connection:
                    connection.execute(
                        "UPDATE certificates SET revoked_at = ?, revoked_reason = 'unspecified' WHERE serial = ?",
                        (seconds(when), serial),
                    )
        return carried

    def crls_due(self, now: datetime) -> list[Issuer]:
        """Those whose revocation list has lived a third of its life, or lies in the future (a clock was wrong)."""
        found = [*self.trusted(ISSUING, now), *self.trusted(ROOT, now)]
        return [
            one
            for one in found
            if now < one.crl_this_update or now >= crl_due(one.crl_this_update, one.crl_next_update)
        ]

    def _certificate(self, role: str, name: str, key: keys.PrivateKey, now: datetime) -> tuple[Certificate, str, bytes]:
        """The certificate, its parent's serial, and for a root that follows another the bridge between them."""
        start = now.replace(microsecond=0) - timedelta(seconds=self._terms.backdated_s)
        if role == ROOT:
            life = signing.Life(start, start + of_days(self._terms.root_days))
            made = signing.root(key, name=name, life=life)
            before = self.trusted(ROOT, now)
            if not before:
                return made, made.serial, b""
            newest = max(before, key=lambda one: one.generation)
            end = min(life.not_after, newest.certificate.not_after)
            own = signing.cross(self.signer(newest), made, life=signing.Life(start, end))
            return made, made.serial, own.pem() + newest.bridge
        parent = max(self.trusted(ROOT, now), key=lambda one: one.generation)
        end = min(start + of_days(self._terms.issuing_days), parent.certificate.not_after)
        made = signing.issuing(self.signer(parent), key.public_key(), name=name, life=signing.Life(start, end))
        return made, parent.serial, b""

    def _revoked(self, issuer: Issuer, now: datetime) -> list[Revoked]:
        """What its list has to name; what has ended stays in one list more (RFC 5280, 3.3), and goes then."""
        if issuer.role == ROOT:
            rows = self._database.rows(
                "SELECT serial, crl_this_update AS at FROM issuers WHERE role = ? AND parent = ? AND state = 'dropped'",
                *(ISSUING, issuer.serial),
            )
            return [Revoked(row["serial"], moment(row["at"]), "superseded") for row in rows]
        rows = self._database.rows(
            "SELECT serial, revoked_at, revoked_reason FROM certificates WHERE issuer = ? AND revoked_at IS NOT NULL "
            "AND not_after >= ?",
            *(issuer.serial, seconds(now - of_days(self._terms.crl_days))),
        )
        return [Revoked(row["serial"], moment(row["revoked_at"]), row["revoked_reason"]) for row in rows]

    def _issuer(self, row: object) -> Issuer:
        found: dict[str, object] = dict(row)  # type: ignore[call-overload] # sqlite3.Row is a mapping, mypy knows it not
        try:
            (certificate,) = certificates.read(str(found["certificate"]).encode())
        except (EdgeletError, ValueError) as error:
            raise self._database.damaged(f"the certificate of {found['role']} {found['generation']}") from error
        return Issuer(
            role=str(found["role"]),
            generation=int(str(found["generation"])),
            state=str(found["state"]),
            parent=str(found["parent"]),
            certificate=certificate,
            bridge=str(found["bridge"]).encode(),
            crl=str(found["crl"]).encode(),
            crl_this_update=moment(int(str(found["crl_this_update"]))),
            crl_next_update=moment(int(str(found["crl_next_update"]))),
        )


def chain(leaf: Certificate, issuer: Issuer, bridge: bytes = b"") -> bytes:
    """PEM as the leaf's owner sends it."""
    return leaf.pem() + issuer.certificate.pem() + bridge
