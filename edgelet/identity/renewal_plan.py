"""When to ask for a new certificate, and how long to wait after a failure (pure)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

_OFFLINE_SPELLS = 3
_NOT_BEFORE_PART = 0.3  # of the life: however long the board may be offline, a certificate is used for that long


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalPlan:
    """Parts of a certificate's life, and the longest time that the board is expected to be without its link."""

    start: float = 0.7
    end: float = 0.9
    longest_offline: timedelta = timedelta(days=2)
    retry_min_s: float = 60.0
    retry_max_s: float = 6 * 3600.0


def due(*, serial: str, not_before: datetime, not_after: datetime, plan: RenewalPlan) -> datetime:
    """Return from when on a new one is asked for.

    Where in between is decided by the serial number: a fleet that was installed in an hour does not renew in an hour,
    and a restart moves nothing.

    Source: WIRE "Certificates": 70-90 % of the life, and three times the longest offline spell ahead.
    """
    life = not_after - not_before
    share = int.from_bytes(hashlib.sha256(serial.encode()).digest()[:4], "big") / 2**32
    spread = not_before + life * (plan.start + (plan.end - plan.start) * share)
    ahead = not_after - _OFFLINE_SPELLS * plan.longest_offline
    return max(min(spread, ahead), not_before + life * _NOT_BEFORE_PART)


def retry_s(failures: int, *, chance: float, plan: RenewalPlan) -> float:
    """Return the wait after so many failures in a row: doubling, half of it by chance.

    Args:
        failures: At least one.
        chance: Evenly spread in 0..1.
        plan: Has the bounds.
    """
    cap_s = min(plan.retry_max_s, plan.retry_min_s * float(2 ** min(failures - 1, 30)))
    return cap_s * (0.5 + chance / 2)
