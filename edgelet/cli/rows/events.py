"""Events in a table. Source: kubernetes pkg/printers/internalversion/printers.go printEvent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from edgelet.cli import durations
from edgelet.cli.rows.columns import Columns, Document, name, part


@dataclass(frozen=True, slots=True)
class Times:
    """When an event was seen, as ages, and how often."""

    first: str
    last: str
    count: int


def times(event: Document, *, now: datetime) -> Times:
    """Both forms of an Event: firstTimestamp and count, or eventTime and series."""
    first = durations.age(event.get("firstTimestamp") or event.get("eventTime"), now=now)
    last = durations.age(event["lastTimestamp"], now=now) if event.get("lastTimestamp") else first
    series = event.get("series")
    if series:
        return Times(first, durations.age(series.get("lastObservedTime"), now=now), int(series.get("count") or 1))
    return Times(first, last, int(event.get("count") or 1))


def moment(event: Document) -> str:
    """The timestamp that events are sorted by."""
    series = part(event, "series", "lastObservedTime")
    return str(series or event.get("lastTimestamp") or event.get("eventTime") or event.get("firstTimestamp") or "")


def source(event: Document) -> str:
    """Who said it: `kubelet, pi-01`."""
    component = part(event, "source", "component") or event.get("reportingComponent") or ""
    host = part(event, "source", "host") or event.get("reportingInstance") or ""
    return ", ".join(filter(None, (str(component), str(host))))


def _cells(event: Document, now: datetime) -> Sequence[str]:
    seen = times(event, now=now)
    about = event.get("involvedObject") or {}
    return (
        seen.last,
        str(event.get("type", "")),
        str(event.get("reason", "")),
        "/".join(filter(None, (str(about.get("kind", "")).lower(), str(about.get("name", ""))))),
        str(about.get("fieldPath", "")),
        source(event),
        " ".join(str(event.get("message", "")).split("\n")).strip(),
        seen.first,
        str(seen.count),
        name(event),
    )


COLUMNS = Columns(
    ("LAST SEEN", "TYPE", "REASON", "OBJECT", "SUBOBJECT", "SOURCE", "MESSAGE", "FIRST SEEN", "COUNT", "NAME"),
    _cells,
    frozenset({"SUBOBJECT", "SOURCE", "FIRST SEEN", "COUNT", "NAME"}),
)
