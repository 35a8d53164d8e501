"""Where work bands tell people what happened: Kubernetes Events, repeated ones counted."""

from __future__ import annotations

from typing import Literal, Protocol

from edgelet.ports.object_store import Key


class EventSink(Protocol):
    """Takes Events. Never waits, never fails; bounded, oldest forgotten first."""

    def record(
        self,
        regarding: Key,
        uid: str,
        *,
        type: Literal["Normal", "Warning"],
        reason: str,
        message: str,
        container: str = "",
    ) -> None:
        """Note one event about an object; `container` names one of the pod's containers (fieldPath)."""
        ...
