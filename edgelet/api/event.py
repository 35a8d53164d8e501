"""Event: what happened to an object, repeated ones counted."""

from __future__ import annotations

from typing import Any, Literal

from edgelet.api import time
from edgelet.api.meta import ObjectMeta, ObjectReference
from edgelet.api.time import Time
from edgelet.api.value import Value


class EventSource(Value):
    """Who saw it."""

    component: str | None = None
    host: str | None = None


class EventSeries(Value):
    """How often, and when last."""

    count: int | None = None
    last_observed_time: Time | None = None

    def to_document(self) -> dict[str, Any]:
        """Return JSON's shape; lastObservedTime has microseconds."""
        moment = self.last_observed_time
        return super().to_document() | ({"lastObservedTime": time.render_micro(moment)} if moment else {})


class Event(Value):
    """Something that happened."""

    api_version: Literal["v1"] = "v1"
    kind: Literal["Event"] = "Event"
    metadata: ObjectMeta = ObjectMeta()
    involved_object: ObjectReference = ObjectReference()
    reason: str | None = None
    message: str | None = None
    source: EventSource | None = None
    first_timestamp: Time | None = None
    last_timestamp: Time | None = None
    count: int | None = None
    type: str | None = None
    event_time: Time | None = None
    series: EventSeries | None = None
    action: str | None = None
    related: ObjectReference | None = None
    reporting_component: str | None = None
    reporting_instance: str | None = None

    def to_document(self) -> dict[str, Any]:
        """Return JSON's shape; eventTime has microseconds."""
        moment = self.event_time
        return super().to_document() | ({"eventTime": time.render_micro(moment)} if moment else {})
