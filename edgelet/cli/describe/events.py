"""The events of an object, at the end of its description. Source: kubectl pkg/describe DescribeEvents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from edgelet.cli.describe.prose import Prose
from edgelet.cli.rows import events as rows


def text(events: Sequence[Mapping[str, Any]], *, now: datetime) -> str:
    """The table of events, aligned on its own."""
    prose = Prose()
    if not events:
        return "Events:  <none>\n"
    prose.line(0, "Events:\n  Type\tReason\tAge\tFrom\tMessage\n  ----\t------\t----\t----\t-------")
    for event in sorted(events, key=rows.moment):
        seen = rows.times(event, now=now)
        age = f"{seen.last} (x{seen.count} over {seen.first})" if seen.count > 1 else seen.first
        source = (event.get("source") or {}).get("component") or event.get("reportingComponent") or ""
        message = str(event.get("message", "")).strip()
        prose.line(1, f"{event.get('type')}\t{event.get('reason')}\t{age}\t{source}\t{message}")
    return prose.text()
