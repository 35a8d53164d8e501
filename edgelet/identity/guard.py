"""Asked before each connection: may it be tried, and by which clock are the broker's dates judged?"""

from __future__ import annotations

from datetime import datetime

from edgelet.api.errors import BusError
from edgelet.identity import own_certificate
from edgelet.identity.clock_trust import ClockState, JudgedTime
from edgelet.identity.time_keeper import TimeKeeper
from edgelet.ports.own_certificate import CertificateFiles, OwnCertificate


class IdentityGuard:
    """Both questions come from the thread that connects."""

    def __init__(self, files: CertificateFiles | None, *, keeper: TimeKeeper, node: str) -> None:
        """`files` None: the board has no certificate, it logs in by password. `node` is TENANT/NAME."""
        self._files = files
        self._keeper = keeper
        self._node = node
        self._system_clock_judged = False

    @property
    def system_clock_judged(self) -> bool:
        """Whether the last connection had OpenSSL judge the broker's dates by the system's clock.

        A connection that stands then says that this clock lies within the lives of two certificates at least.
        """
        return self._system_clock_judged

    def check(self) -> None:
        """Judge the own certificate.

        Raises:
            BusError: CertificateInvalid, CertificateExpired.
        """
        if self._files is None:
            return
        certificate = self._files.read()
        if fault := own_certificate.fault(certificate, node=self._node, judged=self._judge(certificate)):
            raise fault

    def outlive_s(self) -> float | None:
        """Return the Unix seconds that the broker's certificate must outlive; None: OpenSSL judges by the clock."""
        judged = self.judged()
        self._system_clock_judged = judged.state is ClockState.GOOD
        return None if self._system_clock_judged else judged.at.timestamp()

    def judged(self) -> JudgedTime:
        """Return the time by which the guard judges."""
        return self._judge(self.certificate())

    def certificate(self) -> OwnCertificate | None:
        """Return the present certificate; None where there is none that can be used."""
        if self._files is None:
            return None
        try:
            return self._files.read()
        except BusError:
            return None

    def _judge(self, certificate: OwnCertificate | None) -> JudgedTime:
        until: datetime | None = None
        if certificate is not None:
            until = certificate.not_after
            self._keeper.prove(certificate.not_before)
        return self._keeper.judge(believable_until=until)
