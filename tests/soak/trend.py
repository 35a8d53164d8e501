"""Whether a series is flat: the slope of Theil and Sen, over the second half, against a bound."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

POINTS_MIN = 20  # fewer say nothing
_POINTS_MAX = 600  # pairs grow with the square


@dataclass(frozen=True, slots=True)
class Trend:
    """What a series did over the second half of the run."""

    name: str
    first: float  # median of the first tenth of that half
    last: float  # median of its last tenth
    slope_per_hour: float
    growth: float  # the slope over the whole half
    bound: float

    @property
    def flat(self) -> bool:
        return self.growth <= self.bound


def judge(name: str, times_s: Sequence[float], values: Sequence[float], *, bound: float) -> Trend:
    """Look at the second half of a series.

    Args:
        name: Of the series, for the report.
        times_s: When each value was taken, ascending.
        values: As many.
        bound: By how much the series may rise over that half, in its own unit.

    Raises:
        ValueError: Fewer than 20 points: that says nothing.
    """
    if len(values) < POINTS_MIN:
        raise ValueError(f"{name}: {len(values)} points are too few for a trend")
    half = len(values) // 2
    late_s, late = times_s[half:], values[half:]
    slope = theil_sen(late_s, late)
    tenth = max(1, len(late) // 10)
    return Trend(
        name=name,
        first=statistics.median(late[:tenth]),
        last=statistics.median(late[-tenth:]),
        slope_per_hour=slope * 3600,
        growth=slope * (late_s[-1] - late_s[0]),
        bound=bound,
    )


def theil_sen(times_s: Sequence[float], values: Sequence[float]) -> float:
    """Return the median of the slopes between all pairs, per second: single outliers do not move it."""
    step = -(-len(values) // _POINTS_MAX)
    points = list(zip(times_s[::step], values[::step], strict=True))
    slopes = [
        (late[1] - early[1]) / (late[0] - early[0])
        for place, early in enumerate(points)
        for late in points[place + 1 :]
        if late[0] > early[0]
    ]
    return statistics.median(slopes) if slopes else 0.0


def table(trends: Sequence[Trend], units: Mapping[str, str]) -> str:
    """Return the report, a line a series."""
    lines = [f"{'series':<14}{'begin':>10}{'end':>10}{'slope/h':>10}{'rise':>9}{'bound':>9}  second half"]
    lines += [
        f"{one.name:<14}{one.first:>10.1f}{one.last:>10.1f}{one.slope_per_hour:>10.2f}{one.growth:>9.2f}"
        f"{one.bound:>9.2f}  {'flat' if one.flat else 'RISES'} ({units.get(one.name, '')})"
        for one in trends
    ]
    return "\n".join(lines)
