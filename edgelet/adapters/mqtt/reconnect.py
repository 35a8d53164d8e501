"""When to try again: pure arithmetic over what the last connections were like."""

from __future__ import annotations

from dataclasses import dataclass

_FIRST_CAP_S = 1.0
_MAX_CAP_S = 120.0
_SHORT_S = 10.0
_FIGHT_AFTER = 3
_FIGHT_PAUSE_S = 60.0
_FIGHT_JITTER_S = 15.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong in a row. `short` counts connections that stood, but not for ten seconds."""

    failures: int = 0
    short: int = 0

    @property
    def fighting(self) -> bool:
        """Whether another client most likely uses our client id: each of us throws the other out."""
        return self.short >= _FIGHT_AFTER


def after(trouble: Trouble, *, lasted_s: float | None) -> Trouble:
    """Return the trouble after one more connection ended. `lasted_s` None: it never stood."""
    if lasted_s is None:
        return Trouble(trouble.failures + 1, 0)
    if lasted_s < _SHORT_S:
        return Trouble(trouble.failures + 1, trouble.short + 1)
    return Trouble(1, 0)


def pause_s(trouble: Trouble, *, chance: float) -> float:
    """Return the wait before the next attempt: full jitter under a cap that doubles from 1 s to 120 s.

    Full jitter because a whole fleet loses the same broker at the same moment. In a takeover fight the wait is a
    minute or more, so that the other side can be found while it works.

    Args:
        trouble: At least one failure.
        chance: Evenly spread in 0..1.
    """
    if trouble.fighting:
        return _FIGHT_PAUSE_S + chance * _FIGHT_JITTER_S
    doublings = min(max(trouble.failures - 1, 0), 16)
    return chance * min(_MAX_CAP_S, _FIRST_CAP_S * float(2**doublings))
