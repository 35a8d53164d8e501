"""How long a service that fails at once is left alone."""

from __future__ import annotations

_FIRST_DELAY_S = 1.0
_LONGEST_DELAY_S = 60.0
_FREE_TRIES = 1


def after(failures: int) -> float:
    """Return the wait before the next start after so many ends in a row without one answer.

    None after the first, then 1 s doubling to 60 s.
    """
    if failures <= _FREE_TRIES:
        return 0.0
    exponent = min(failures - _FREE_TRIES - 1, 10)
    return min(_FIRST_DELAY_S * 2.0**exponent, _LONGEST_DELAY_S)
