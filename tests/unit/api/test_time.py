from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edgelet.api import time
from edgelet.api.event import Event, EventSeries
from edgelet.api.meta import ObjectMeta


def test_writes_whole_seconds_in_utc() -> None:
    moment = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=timezone(timedelta(hours=2)))

    assert time.render(moment) == "2026-03-04T03:06:07Z"
    assert time.render_micro(moment) == "2026-03-04T03:06:07.890123Z"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-04T05:06:07Z", datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)),
        ("2026-03-04t05:06:07.5+02:00", datetime(2026, 3, 4, 3, 6, 7, 500000, tzinfo=UTC)),
        ("2026-03-04T05:06:07.123456789Z", datetime(2026, 3, 4, 5, 6, 7, 123456, tzinfo=UTC)),
    ],
)
def test_reads_rfc_3339(text: str, expected: datetime) -> None:
    assert time.parse(text) == expected


@pytest.mark.parametrize(
    "text", ["", "2026-03-04", "2026-03-04 05:06:07Z", "2026-13-04T05:06:07Z", "2026-03-04T05:06:07"]
)
def test_refuses_other_spellings(text: str) -> None:
    with pytest.raises(ValueError, match=r"RFC 3339|month"):
        time.parse(text)


def test_a_time_before_the_first_year_is_a_fault_and_not_a_crash() -> None:
    with pytest.raises(ValidationError, match="out of range"):
        ObjectMeta.model_validate({"creationTimestamp": "0001-01-01T00:00:00+01:00"})


def test_events_keep_microseconds() -> None:
    moment = datetime(2026, 3, 4, 5, 6, 7, 8, tzinfo=UTC)
    event = Event(event_time=moment, first_timestamp=moment, series=EventSeries(count=2, last_observed_time=moment))

    document = event.to_document()

    assert document["eventTime"] == "2026-03-04T05:06:07.000008Z"
    assert document["firstTimestamp"] == "2026-03-04T05:06:07Z"
    assert document["series"] == {"count": 2, "lastObservedTime": "2026-03-04T05:06:07.000008Z"}


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9999, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001  hypothesis adds the zone
def test_what_it_writes_it_reads(moment: datetime) -> None:
    assert time.parse(time.render_micro(moment)) == moment
