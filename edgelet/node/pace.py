"""How often one thing may be told: a few changes at once, then one per interval. Pure."""

from __future__ import annotations

_NAMES = 256  # fewer are not worth a look at all of them


class Pace:
    """A generic cell rate limit per name, one number each.

    A pod that starts says three or four things within a second, and each should be known at once; a pod that flaps
    should not fill the link.
    """

    def __init__(self, *, interval_s: float, burst: int) -> None:
        self._interval_s = interval_s
        self._slack_s = interval_s * (burst - 1)
        self._arrival_s: dict[str, float] = {}  # when the next would come if they came evenly
        self._look_at = _NAMES

    def due_s(self, name: str, *, now_s: float) -> float:
        """Return when the name may be told next: `now_s`, or later."""
        return max(now_s, self._arrival_s.get(name, now_s) - self._slack_s)

    def spend(self, name: str, *, now_s: float) -> None:
        """Note that it was told."""
        self._arrival_s[name] = max(self._arrival_s.get(name, now_s), now_s) + self._interval_s
        if len(self._arrival_s) > self._look_at:  # those in the past say nothing any more
            self._arrival_s = {name: at for name, at in self._arrival_s.items() if at > now_s}
            self._look_at = max(_NAMES, 2 * len(self._arrival_s))  # else each of thousands would look at all of them
