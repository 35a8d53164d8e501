"""How much of something is done: a burst, then so much a second. Bounded also in how many askers are remembered."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `burst` at once, and `per_s` from then on."""

    burst: float
    per_s: float


class Bucket:
    """One asker's allowance."""

    def __init__(self, rate: Rate, *, now_s: float) -> None:
        self._rate = rate
        self._left = rate.burst
        self._at_s = now_s

    def take(self, *, now_s: float) -> bool:
        """Take one; False where there is none left. `now_s` is monotonic."""
        self._left = min(self._rate.burst, self._left + max(0.0, now_s - self._at_s) * self._rate.per_s)
        self._at_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Buckets:
    """An allowance for each asker. Who has not asked for longest is forgotten first."""

    def __init__(self, rate: Rate, *, most: int = 4096) -> None:
        self._rate = rate
        self._most = most
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, asker: str, *, now_s: float) -> bool:
        """Take one of an asker's."""
        bucket = self._buckets.pop(asker, None) or Bucket(self._rate, now_s=now_s)
        self._buckets[asker] = bucket
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return bucket.take(now_s=now_s)

    def __len__(self) -> int:
        return len(self._buckets)
