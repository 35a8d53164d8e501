"""What the Node object says about the board's certificate and clock (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from edgelet.api import time

_GOOD_CLOCK = "Synchronized"
_CLOCK_WORDS = {
    "Synchronized": "the clock is synchronised, or as the registrar says",
    "Unsynchronized": "nobody vouches for the clock; the broker's certificate is judged by what the time is at least",
    "Behind": "the clock is behind what the time is at least; certificates are not judged by it",
    "Wrong": "the clock is not as the registrar says; certificates are judged by the registrar's time",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenIdentity:
    """How the identity is now."""

    clock: str  # a word of clock_trust.ClockState
    certificate: bool = False  # the board has one of its own
    not_after: datetime | None = None
    renew_from: datetime | None = None
    expired: bool = False
    trouble: str = ""  # why there is no new certificate although it is time, for people


@dataclass(frozen=True, slots=True)
class IdentityStatement:
    """A condition of the node that is none of Kubernetes'."""

    type: str
    true: bool
    reason: str
    message: str


def annotate(seen: SeenIdentity) -> dict[str, str]:
    """Return the Node's annotations."""
    found = {"edgelet/clock": seen.clock}
    if seen.not_after is not None:
        found["edgelet/certificate-not-after"] = time.render(seen.not_after)
    if seen.renew_from is not None:
        found["edgelet/certificate-renewal"] = time.render(seen.renew_from)
    return found


def statements(seen: SeenIdentity) -> tuple[IdentityStatement, ...]:
    """Return the conditions: ClockUnreliable, and CertificateTrouble where there is a certificate."""
    unreliable = seen.clock != _GOOD_CLOCK
    clock = IdentityStatement("ClockUnreliable", unreliable, f"Clock{seen.clock}", _CLOCK_WORDS[seen.clock])
    if not seen.certificate:
        return (clock,)
    if seen.expired:
        words = f"the certificate has expired; {seen.trouble}" if seen.trouble else "the certificate has expired"
        return clock, IdentityStatement("CertificateTrouble", True, "CertificateExpired", words)
    if seen.trouble:
        return clock, IdentityStatement("CertificateTrouble", True, "CertificateRenewalFailed", seen.trouble)
    return clock, IdentityStatement("CertificateTrouble", False, "CertificateGood", "the certificate is good")
