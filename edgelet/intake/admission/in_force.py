"""The policy that counts now."""

from __future__ import annotations

from edgelet.intake.admission.judge import Ruling


class PolicyInForce:
    """Holds one ruling, replaced whole when policy.toml is read again."""

    def __init__(self, ruling: Ruling | None = None) -> None:
        self.ruling = ruling if ruling is not None else Ruling()
