"""Events about what was decided for a pod as a whole, rather than done to it."""

from __future__ import annotations

from edgelet.pods import resize
from edgelet.pods.eviction import Eviction
from edgelet.pods.memory import PendingResize
from edgelet.pods.pod_events import PodEvents


def evicted(told: PodEvents, eviction: Eviction) -> None:
    """Say that the pod is brought to its end."""
    told(eviction.reason, eviction.message, warning=True)


def allocated(told: PodEvents, pending: PendingResize | None) -> None:
    """Say what was decided about a resize of a pod; `told` tells of the pod as it is wanted."""
    if pending is None:
        told("ResizeStarted", resize.told("started", told.pod))
    else:
        message = resize.told(pending.reason.lower(), told.pod, error=pending.message)
        told(f"Resize{pending.reason}", message, warning=True)
