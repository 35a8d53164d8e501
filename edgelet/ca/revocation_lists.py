"""What is taken back, and the lists that say so: signed in the same step, renewed before they end."""

from __future__ import annotations

from edgelet.adapters.x509 import revocation
from edgelet.adapters.x509.errors import invalid
from edgelet.ca import publication, register
from edgelet.ca.authority import Authority
from edgelet.ca.issuers import ISSUING, ROOT
from edgelet.ca.records import Record


def revoke(authority: Authority, which: str, reason: str = "unspecified") -> tuple[Record, ...]:
    """Take back a certificate (by serial), or all good ones of a common name; the list is signed in the same step.

    `reason` is one of x509.revocation.REASONS. What is revoked already is left as it is, and is in the answer.

    Raises:
        NotFoundError, ConflictError: As `Authority.named`.
        InvalidObjectError: No such reason.
    """
    if reason not in revocation.REASONS:
        allowed = ", ".join(revocation.REASONS)
        raise invalid("Certificate", which, "reason", f"must be one of {allowed}")
    with authority.database.transaction():
        now = authority.now()
        found = authority.named(which)
        lost = [one for one in found if one.revoked_at is None and (len(found) == 1 or one.not_after >= now)]
        for one in lost:
            register.revoke(authority.database, one, at=now, reason=reason)
            authority.note("revoke", one.common_name, detail={"serial": one.serial, "reason": reason})
        for issuer in {one.issuer for one in lost}:
            authority.issuers.sign_crl(authority.issuers.of(issuer), now)
    publication.publish(authority)
    serials = {one.serial for one in lost} or {one.serial for one in found if one.revoked_at is not None}
    return tuple(one for one in map(authority.find, sorted(serials)) if one is not None)


def refresh(authority: Authority, *, force: bool = False) -> tuple[str, ...]:
    """Sign anew the revocation lists that are due (all, with `force`), and write ca.crt and crl.pem.

    Returns what could not be renewed, in words: a root's key may lie in a safe.
    """
    problems = []
    issuers = authority.issuers
    with authority.database.transaction():
        now = authority.now()
        trusted = [*issuers.trusted(ISSUING, now), *issuers.trusted(ROOT, now)]
        for issuer in trusted if force else issuers.crls_due(now):
            if issuer.role == ROOT and not issuers.has_key(issuer):
                if issuer in issuers.crls_due(now):
                    problems.append(
                        f"the revocation list of {issuer.file_stem} ends at {issuer.crl_next_update:%Y-%m-%d}: "
                        f"bring {issuer.file_stem}.key back and run edgelet ca crl"
                    )
                continue
            issuers.sign_crl(issuer, now)
    publication.publish(authority)
    return tuple(problems)
