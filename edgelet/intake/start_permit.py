"""Which pods may begin where desired state is signed: those that an index in force names as they are, in its time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from edgelet.intake import desired_topics, trust_record
from edgelet.intake.trust_record import TrustRecord
from edgelet.ports.events import EventSink
from edgelet.ports.object_store import StoredObject

_MAX_TOLD = 1000


class StartPermit:
    """Judges pods of one source; what is held back is told once, until `forget`."""

    def __init__(self, events: EventSink, *, source: str) -> None:
        self._events = events
        self._source = source
        self._told: set[str] = set()  # uids

    def judge(self, stored: StoredObject, record: TrustRecord, *, now: datetime | None) -> bool:
        """Whether a pod may be made. One that runs, or ran, may go on whatever the index says by now."""
        if stored.source != self._source or _began(stored):
            return True
        if record.objects.get(desired_topics.path_of(stored.key)) == stored.digest:
            why = trust_record.expiry(record.applied, now=now)
        else:
            why = "no signed index in force names it as it is"
        if why and stored.uid not in self._told and len(self._told) < _MAX_TOLD:
            self._told.add(stored.uid)
            message = f"The pod is not started: {why}"
            self._events.record(stored.key, stored.uid, type="Warning", reason="Stale", message=message)
        return not why

    def forget(self) -> None:
        """Tell everything anew: another index rules."""
        self._told.clear()


def _began(stored: StoredObject) -> bool:
    status: Mapping[str, Any] = stored.document.get("status") or {}
    return stored.deleting or status.get("phase") not in {None, "Pending"} or bool(status.get("podIP"))
