from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.cli import durations

NOW = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-2, "<invalid>"), (-1, "0s"), (-0.5, "0s"), (0, "0s"), (119, "119s"), (120, "2m"), (125, "2m5s"),
        (599, "9m59s"), (600, "10m"), (3 * 3600 - 1, "179m"), (3 * 3600, "3h"), (3 * 3600 + 60, "3h1m"),
        (8 * 3600, "8h"), (47 * 3600 + 3599, "47h"), (48 * 3600, "2d"), (49 * 3600, "2d1h"), (8 * 86400, "8d"),
        (400 * 86400, "400d"), (730 * 86400, "2y"), (735 * 86400, "2y5d"), (8 * 365 * 86400, "8y"),
        (20 * 365 * 86400, "20y"),
    ],
)  # fmt: skip
def test_a_duration_is_shown_as_kubectl_shows_it(seconds: float, text: str) -> None:
    assert durations.human(seconds) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("5s", 5), ("1h30m", 5400), ("1.5h", 5400), ("250ms", 0.25), ("-3m", -180), ("+2s", 2), (".5s", 0.5)],
)
def test_a_go_duration_is_read(text: str, seconds: float) -> None:
    assert durations.parse_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "s", "5x", "1h 3m", "--5s", "h5", "1..5s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        durations.parse_s(text)


@given(st.text(max_size=12))
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(durations.parse_s(text), float)


@pytest.mark.parametrize(
    ("timestamp", "text"),
    [
        ("2026-01-02T11:59:55Z", "5s"),
        ("2026-01-02T11:59:55.123456Z", "4s"),
        ("2026-01-02T12:59:55+01:00", "5s"),
        (None, "<unknown>"),
        ("", "<unknown>"),
        ("yesterday", "<unknown>"),
        (5, "<unknown>"),
    ],
)
def test_an_age_is_counted_from_a_timestamp(timestamp: object, text: str) -> None:
    assert durations.age(timestamp, now=NOW) == text
