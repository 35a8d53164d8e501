"""Points in time as Kubernetes writes them: RFC 3339, UTC, whole seconds; microseconds in Events."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator

_RFC3339 = re.compile(r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(?:\.(\d{1,6})\d*)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


def parse(text: str) -> datetime:
    """Return the aware UTC time of an RFC 3339 string; digits beyond microseconds are cut.

    Raises:
        ValueError: Not RFC 3339.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no RFC 3339 time such as 2006-01-02T15:04:05Z")
    date, clock, fraction, zone = match.groups()
    zone = "+00:00" if zone in "Zz" else zone
    return datetime.fromisoformat(f"{date}T{clock}.{(fraction or '0').ljust(6, '0')}{zone}").astimezone(UTC)


def render(moment: datetime) -> str:
    """Return 2006-01-02T15:04:05Z: whole seconds, UTC."""
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def render_micro(moment: datetime) -> str:
    """Return 2006-01-02T15:04:05.000000Z, as Events carry it."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _validate(value: object) -> object:
    try:
        return parse(value) if isinstance(value, str) else value
    except OverflowError as error:  # 0001-01-01T00:00:00+01:00 lies before the first year
        raise ValueError(f"{value!r} is out of range") from error


Time = Annotated[datetime, BeforeValidator(_validate)]
