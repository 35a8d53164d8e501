"""Durations as kubectl shows them (`2d3h`) and as Go reads them (`1h30m`)."""

from __future__ import annotations

import re
from datetime import UTC, datetime

MINUTE_S = 60
HOUR_S = 60 * MINUTE_S
DAY_S = 24 * HOUR_S
YEAR_S = 365 * DAY_S

UNITS_S = {"ns": 1e-9, "us": 1e-6, "\u00b5s": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
PART = re.compile("([0-9]+\\.?[0-9]*|\\.[0-9]+)(ns|us|\u00b5s|ms|s|m|h)", re.ASCII)
SIGN = re.compile(r"[+-]?")


def human(seconds: float) -> str:
    """A duration in two units at most.

    Source: k8s.io/apimachinery/pkg/util/duration HumanDuration.
    """
    whole = int(seconds)
    if whole < 0:
        return "<invalid>" if whole < -1 else "0s"
    for below_s, big_s, big, small_s, small in (
        (2 * MINUTE_S, 1, "s", 0, ""),
        (10 * MINUTE_S, MINUTE_S, "m", 1, "s"),
        (3 * HOUR_S, MINUTE_S, "m", 0, ""),
        (8 * HOUR_S, HOUR_S, "h", MINUTE_S, "m"),
        (2 * DAY_S, HOUR_S, "h", 0, ""),
        (8 * DAY_S, DAY_S, "d", HOUR_S, "h"),
        (2 * YEAR_S, DAY_S, "d", 0, ""),
        (8 * YEAR_S, YEAR_S, "y", DAY_S, "d"),
    ):
        if whole < below_s:
            rest = whole % big_s // small_s if small_s else 0
            return f"{whole // big_s}{big}" + (f"{rest}{small}" if rest else "")
    return f"{whole // YEAR_S}y"


def parse_s(text: str) -> float:
    """Seconds of a Go duration.

    Raises:
        ValueError: It is none, in Go's words.
    """
    sign = SIGN.match(text)
    at = sign.end() if sign else 0
    if text[at:] == "0":
        return 0.0
    total_s = 0.0
    if at == len(text):
        raise ValueError(f'time: invalid duration "{text}"')
    while at < len(text):
        part = PART.match(text, at)
        if part is None:
            missing = bool(re.fullmatch(r"[0-9.]+", text[at:], re.ASCII))
            raise ValueError(f'time: {"missing unit in" if missing else "invalid"} duration "{text}"')
        total_s += float(part[1]) * UNITS_S[part[2]]
        at = part.end()
    return -total_s if text.startswith("-") else total_s


def instant(text: str) -> datetime | None:
    """A Kubernetes timestamp as an aware time; None where it is none."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def age(timestamp: object, *, now: datetime) -> str:
    """How long ago it was: `5m`; `<unknown>` for a timestamp that is absent or none."""
    then = instant(timestamp) if isinstance(timestamp, str) and timestamp else None
    return "<unknown>" if then is None else human((now - then).total_seconds())
