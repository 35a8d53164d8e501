"""What is taken back, and the lists that say so: signed in the same step, renewed before they end."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from edgelet.adapters.x509 import revocation
from edgelet.adapters.x509.errors import invalid
from edgelet.ca import notice_epoch, publication, register
from edgelet.ca.authority import DATABASE, Authority
from edgelet.ca.issuers import ISSUING, ROOT, AuthorityKeyError
from edgelet.ca.records import Record


def revoke(authority: Authority, which: str, reason: str = "unspecified") -> tuple[Record, ...]:
    """Take back a certificate (by serial), or all good ones of a common name; the list is signed in the same step.

    `reason` is one of x509.revocation.REASONS. What is revoked already is left as it is, and is in the answer.

    Raises:
        NotFoundError, ConflictError: As `Authority.named`.
        InvalidObjectError: No such reason.
        AuthorityKeyError: The list in use cannot be signed, and nothing was changed; or that of a former issuing
            certificate: then all is revoked, and the message says which list does not name it.
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
        unsigned = _sign(authority, {one.issuer for one in lost}, now)
    publication.publish(authority)
    if unsigned:
        raise AuthorityKeyError(
            f"{which} is revoked, but {'; '.join(unsigned)}: bring the key back and run edgelet "
            "ca crl --force, or give the certificate up with edgelet ca roll issuing --drop --force"
        )
    serials = {one.serial for one in lost} or {one.serial for one in found if one.revoked_at is not None}
    return tuple(one for one in map(authority.find, sorted(serials)) if one is not None)


def _sign(authority: Authority, serials: Iterable[str], now: datetime) -> list[str]:
    """Sign the lists of these issuers; returns which of former certificates could not be, in words."""
    unsigned = []
    for one in map(authority.issuers.of, sorted(serials)):
        try:
            authority.issuers.sign_crl(one, now)
        except AuthorityKeyError as error:
            if one.state == "current":
                raise
            unsigned.append(f"the list of {one.file_stem} does not name it: {error.message}")
    return unsigned


def refresh(authority: Authority, *, force: bool = False) -> tuple[str, ...]:
    """Sign anew the revocation lists that are due (all, with `force`), and write ca.crt and crl.pem.

    Returns what could not be renewed, in words: a root's key may lie in a safe, one of a former issuing certificate
    be lost. The others are renewed all the same: each list past its end locks boards out.

    Raises:
        AuthorityKeyError: The key in use cannot sign.
        StorageError: The database or the files cannot be read or written.
    """
    problems: list[str] = []
    failed: AuthorityKeyError | None = None
    issuers = authority.issuers
    with authority.database.transaction():
        now = authority.now()
        trusted = [*issuers.trusted(ISSUING, now), *issuers.trusted(ROOT, now)]
        behind = issuers.behind(now)
        if behind:
            problems.append(
                f"{DATABASE} is older than crl.pem, as from a backup: what was revoked since stays so, "
                "certificates issued since are not known (docs/CERTIFICATES.md)"
            )
        for issuer in trusted if force else dict.fromkeys((*issuers.crls_due(now), *behind)):
            if issuer.role == ROOT and not issuers.has_key(issuer):
                if issuer in issuers.crls_due(now):
                    problems.append(
                        f"the revocation list of {issuer.file_stem} ends at {issuer.crl_next_update:%Y-%m-%d}: "
                        f"bring {issuer.file_stem}.key back and run edgelet ca crl"
                    )
                continue
            try:
                issuers.sign_crl(issuer, now)
            except AuthorityKeyError as error:
                failed = error if (issuer.role, issuer.state) == (ISSUING, "current") else failed
                problems.append(f"the revocation list of {issuer.file_stem} is not renewed: {error.message}")
            else:
                if issuer in behind:  # and one more, which may not have been told yet
                    notice_epoch.pass_over(authority.database, behind[issuer] + 1)
    publication.publish(authority)
    if failed is not None:
        raise failed
    return tuple(problems)
