"""Events of one pod."""

from __future__ import annotations

from edgelet.api.pod import Pod
from edgelet.ports.events import EventSink
from edgelet.ports.object_store import Key


class PodEvents:
    """Takes the events of one pod: `told(reason, message, container=..., warning=...)`."""

    def __init__(self, events: EventSink, pod: Pod) -> None:
        self._events = events
        self._pod = pod

    @property
    def pod(self) -> Pod:
        """Whose events they are."""
        return self._pod

    def __call__(self, reason: str, message: str, *, container: str = "", warning: bool = False) -> None:
        """Record one event."""
        metadata = self._pod.metadata
        self._events.record(
            Key("Pod", metadata.namespace, metadata.name),
            metadata.uid,
            type="Warning" if warning else "Normal",
            reason=reason,
            message=message,
            container=container,
        )
