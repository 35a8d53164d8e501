from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.soak import trend

TIMES_S = [float(10 * place) for place in range(200)]


def test_a_series_that_grows_in_the_first_half_only_is_flat() -> None:
    values = [min(float(place), 100.0) for place in range(200)]
    assert trend.judge("rss", TIMES_S, values, bound=1).flat


def test_a_slow_leak_under_much_noise_is_seen() -> None:
    chance = random.Random(1)  # noqa: S311
    values = [50_000 + place * 8 + chance.uniform(-200, 200) for place in range(200)]
    found = trend.judge("rss", TIMES_S, values, bound=512)
    assert not found.flat
    assert found.slope_per_hour == pytest.approx(2880, rel=0.1)


def test_single_outliers_are_no_trend() -> None:
    values = [100.0] * 199 + [10_000.0]
    assert trend.judge("fds", TIMES_S, values, bound=0.5).flat


def test_too_few_points_are_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        trend.judge("fds", TIMES_S[:19], [1.0] * 19, bound=1)


@given(st.floats(-1e3, 1e3), st.floats(-1e6, 1e6), st.integers(20, 900))
def test_a_straight_line_has_its_own_slope(slope: float, offset: float, count: int) -> None:
    times_s = [float(place) for place in range(count)]
    assert trend.theil_sen(times_s, [offset + slope * one for one in times_s]) == pytest.approx(slope, abs=1e-6)
