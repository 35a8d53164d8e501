"""Whether the board's own certificate is good for this node, now (pure)."""

from __future__ import annotations

from edgelet.api import time
from edgelet.api.errors import BusError
from edgelet.identity.clock_trust import JudgedTime
from edgelet.ports.own_certificate import OwnCertificate


def fault(certificate: OwnCertificate, *, node: str, judged: JudgedTime) -> BusError | None:
    """Return why a connection with it is not worth trying: CertificateExpired or CertificateInvalid; None: it is good.

    One that begins later than now is no fault: true time is not before it, or nobody could have made it.

    Args:
        certificate: Its key, usage and chain were judged by who read it.
        node: TENANT/NAME.
        judged: The time.
    """
    what = f"cannot use the certificate {certificate.path}"
    if certificate.common_name != node:
        shown = certificate.common_name[:80]
        return BusError("CertificateInvalid", f"{what}: it is for {shown!r}, this node is {node!r}")
    if judged.at > certificate.not_after:
        ended, at = time.render(certificate.not_after), time.render(judged.at)
        return BusError("CertificateExpired", f"{what}: it ended on {ended}, and it is {at}")
    return None
