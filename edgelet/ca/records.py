"""What the authority knows, as values."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate as its owner gets it."""

    serial: str  # hex
    common_name: str
    certificate_pem: bytes  # the leaf, the issuing certificate; where roots are being changed, the bridge between them
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Record:
    """A certificate as the authority remembers it."""

    serial: str  # hex
    common_name: str
    role: str  # node, controller, registrar, join-broker, broker
    issuer: str  # the serial of the issuing certificate
    key_digest: str  # SHA-256 of the SubjectPublicKeyInfo, hex
    not_before: datetime
    not_after: datetime
    issued_at: datetime
    reason: str
    certificate_pem: bytes
    revoked_at: datetime | None
    revoked_reason: str

    def state(self, now: datetime) -> str:
        """Valid, Revoked or Expired; what was revoked stays so."""
        if self.revoked_at is not None:
            return "Revoked"
        return "Valid" if now <= self.not_after else "Expired"

    @property
    def issued(self) -> Issued:
        """As its owner gets it."""
        return Issued(self.serial, self.common_name, self.certificate_pem, self.not_before, self.not_after)

    @classmethod
    def of(cls, row: sqlite3.Row) -> Record:
        """From a row of `certificates`."""
        return cls(
            serial=row["serial"],
            common_name=row["common_name"],
            role=row["role"],
            issuer=row["issuer"],
            key_digest=row["key_digest"],
            not_before=moment(row["not_before"]),
            not_after=moment(row["not_after"]),
            issued_at=moment(row["issued_at"]),
            reason=row["reason"],
            certificate_pem=row["chain"].encode(),
            revoked_at=None if row["revoked_at"] is None else moment(row["revoked_at"]),
            revoked_reason=row["revoked_reason"] or "",
        )


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """A request that a person decides about, or has."""

    id: str
    created_at: datetime
    common_name: str
    key_digest: str
    csr_pem: bytes
    kind: str  # join, renew
    origin: str
    state: str  # Pending, Approved, Denied
    decided_at: datetime | None
    decided_by: str
    message: str
    serial: str  # of the certificate; empty unless approved

    @classmethod
    def of(cls, row: sqlite3.Row) -> SigningRequest:
        """From a row of `requests`."""
        return cls(
            id=row["id"],
            created_at=moment(row["created_at"]),
            common_name=row["common_name"],
            key_digest=row["key_digest"],
            csr_pem=row["csr"].encode(),
            kind=row["kind"],
            origin=row["origin"],
            state=row["state"],
            decided_at=None if row["decided_at"] is None else moment(row["decided_at"]),
            decided_by=row["decided_by"] or "",
            message=row["message"],
            serial=row["serial"] or "",
        )


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that was done or refused."""

    at: datetime
    actor: str
    action: str
    subject: str
    outcome: str  # ok, or the reason of the refusal
    detail: str


def moment(seconds: int) -> datetime:
    """A time as the database has it."""
    return datetime.fromtimestamp(seconds, UTC)


def seconds(moment: datetime) -> int:
    """A time as the database takes it."""
    return int(moment.timestamp())
