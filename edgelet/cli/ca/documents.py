"""What the authority knows, in the shape of Kubernetes objects: for -o json, yaml, jsonpath."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from edgelet.ca.issuers import Issuer
from edgelet.ca.records import AuditEntry, Record, SigningRequest

API_VERSION = "ca.edgelet/v1"


def certificate(record: Record, now: datetime) -> dict[str, Any]:
    """A certificate; its name is the serial."""
    status = {
        "phase": record.state(now),
        "notBefore": _time(record.not_before),
        "notAfter": _time(record.not_after),
        "certificate": record.certificate_pem.decode(),
    }
    if record.revoked_at is not None:
        status |= {"revokedAt": _time(record.revoked_at), "revocationReason": record.revoked_reason}
    return {
        "apiVersion": API_VERSION,
        "kind": "Certificate",
        "metadata": {"name": record.serial, "creationTimestamp": _time(record.issued_at)},
        "spec": {
            "commonName": record.common_name,
            "role": record.role,
            "issuer": record.issuer,
            "keyDigest": record.key_digest,
            "reason": record.reason,
        },
        "status": status,
    }


def request(one: SigningRequest) -> dict[str, Any]:
    """A request; its name is the id that approve and deny take."""
    status: dict[str, Any] = {"phase": one.state}
    if one.decided_at is not None:
        status |= {"decidedAt": _time(one.decided_at), "decidedBy": one.decided_by, "message": one.message}
    if one.serial:
        status["certificate"] = one.serial
    return {
        "apiVersion": API_VERSION,
        "kind": "SigningRequest",
        "metadata": {"name": one.id, "creationTimestamp": _time(one.created_at)},
        "spec": {
            "commonName": one.common_name,
            "kind": one.kind,
            "origin": one.origin,
            "keyDigest": one.key_digest,
            "request": one.csr_pem.decode(),
        },
        "status": status,
    }


def issuer(one: Issuer, *, has_key: bool) -> dict[str, Any]:
    """A root or issuing certificate; its name is that of its files."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Issuer",
        "metadata": {"name": one.file_stem, "creationTimestamp": _time(one.certificate.not_before)},
        "spec": {"commonName": one.certificate.common_name, "role": one.role, "serial": one.serial},
        "status": {
            "phase": one.state,
            "notAfter": _time(one.certificate.not_after),
            "crlThisUpdate": _time(one.crl_this_update),
            "crlNextUpdate": _time(one.crl_next_update),
            "key": has_key,
        },
    }


def audit(number: int, one: AuditEntry) -> dict[str, Any]:
    """A row of the audit log."""
    return {
        "apiVersion": API_VERSION,
        "kind": "AuditEntry",
        "metadata": {"name": str(number), "creationTimestamp": _time(one.at)},
        "spec": {
            "actor": one.actor,
            "action": one.action,
            "subject": one.subject,
            "outcome": one.outcome,
            "detail": one.detail,
        },
    }


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
