"""Whether a certificate stands on what is trusted, and for whom it speaks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from edgelet.adapters.x509.certificates import KIND, Certificate
from edgelet.adapters.x509.errors import invalid
from edgelet.api.revocations import Revocations

_MOST_AUTHORITIES = 5  # issuing, root; and roots that the roots before them signed
_MOST_GIVEN = 10  # certificates of a chain: a stranger's are not looked at without end
_NOTHING = Revocations()


def verify(
    chain: Sequence[Certificate],
    trusted: Iterable[Certificate],
    *,
    usage: str,
    now: dt.datetime | None,
    revoked: Revocations = _NOTHING,
) -> None:
    """Check that the first of `chain` is good for `usage` (clientAuth, serverAuth) and leads to a trusted root.

    Where two ways up exist, one good way is enough: one on which no authority has revoked what stands below it. Without
    `now` no date is looked at, for a board whose clock is not to be believed and for a renewal after the end.

    Raises:
        InvalidObjectError: It is not, with the reason.
    """
    if not chain:
        raise invalid(KIND, "", "", "is missing")
    if len(chain) > _MOST_GIVEN:
        raise invalid(KIND, "", "", f"must not have more than {_MOST_GIVEN} certificates")
    leaf = chain[0]
    name = leaf.common_name or leaf.serial
    if leaf.is_authority:
        raise invalid(KIND, name, "basicConstraints", "is an authority's, a leaf is needed")
    if usage not in leaf.usages:
        raise invalid(KIND, name, "extendedKeyUsage", f"must have {usage}")
    anchors = [one for one in trusted if one.is_self_issued and one.was_issued_by(one)]
    if now is not None:
        _check_dates(leaf, name, now)
    others = [*chain[1:], *anchors]
    if not _leads_up(leaf, others, anchors, now=now, revoked=revoked):
        if _leads_up(leaf, others, anchors, now=now, revoked=_NOTHING):
            raise invalid(KIND, name, "serialNumber", "was revoked, or an authority above it was")
        raise invalid(KIND, name, "issuer", "does not lead to a certificate authority that is trusted here")


def _leads_up(
    one: Certificate,
    others: Sequence[Certificate],
    anchors: Sequence[Certificate],
    *,
    now: dt.datetime | None,
    revoked: Revocations,
    authorities: int = 0,
) -> bool:
    """Whether a way goes from `one`, below which are so many authorities, up to an anchor."""
    for issuer in others if authorities < _MOST_AUTHORITIES else ():
        if issuer == one or not one.was_issued_by(issuer) or (now is not None and not is_current(issuer, now)):
            continue
        if issuer.path_length is not None and issuer.path_length < authorities:
            continue
        if revoked.names(one.serial, issuer_key=issuer.spki_digest):
            continue
        above = authorities + 1
        if issuer in anchors or _leads_up(issuer, others, anchors, now=now, revoked=revoked, authorities=above):
            return True
    return False


def is_current(one: Certificate, now: dt.datetime) -> bool:
    """Whether its dates are good."""
    return one.not_before <= now <= one.not_after


def _check_dates(leaf: Certificate, name: str, now: dt.datetime) -> None:
    if now < leaf.not_before:
        raise invalid(KIND, name, "notBefore", f"is good from {leaf.not_before:%Y-%m-%dT%H:%M:%SZ} on only")
    if now > leaf.not_after:
        raise invalid(KIND, name, "notAfter", f"ended at {leaf.not_after:%Y-%m-%dT%H:%M:%SZ}")
