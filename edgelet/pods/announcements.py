"""Events about what was decided for a pod as a whole, rather than done to it."""

from __future__ import annotations

from collections.abc import Mapping

from edgelet.api.pod_status import ContainerStateWaiting, PodStatus
from edgelet.pods import resize
from edgelet.pods.eviction import Eviction
from edgelet.pods.memory import PendingResize
from edgelet.pods.pod_events import PodEvents

Waiting = Mapping[str, ContainerStateWaiting]  # why containers wait, by name
_PREFIX = "Pod was rejected: "
_HELD_BACK = frozenset({"CrashLoopBackOff", "ImagePullBackOff"})


def reported(
    told: PodEvents, status: PodStatus, *, before: Waiting | None, rejection: tuple[str, str] | None
) -> Waiting:
    """Say what is new in a status; return why containers wait now. `before` is None at the first status of a worker."""
    now = waiting(status)
    if before is not None:
        held_back(told, before, now)
    elif rejection is not None:
        rejected(told, rejection)
    return now


def waiting(status: PodStatus) -> Waiting:
    """Return why containers wait, by name."""
    every = (*status.init_container_statuses, *status.container_statuses, *status.ephemeral_container_statuses)
    return {one.name: one.state.waiting for one in every if one.state.waiting is not None}


def held_back(told: PodEvents, before: Waiting, after: Waiting) -> None:
    """Say which containers have begun to wait by back-off: once for each wait, not at every look as a kubelet does.

    Source: Kubernetes pkg/kubelet/kuberuntime/kuberuntime_manager.go doBackOff; images/image_manager.go.
    """
    for name, why in after.items():
        if why.reason not in _HELD_BACK or (name in before and before[name].reason == why.reason):
            continue
        if why.reason == "CrashLoopBackOff":
            metadata = told.pod.metadata
            who = f"{metadata.name}_{metadata.namespace}({metadata.uid})"
            message = f"Back-off restarting failed container {name} in pod {who}"
            told("BackOff", message, container=name, warning=True)
        else:
            told("BackOff", why.message or "", container=name)
            told("Failed", f"Error: {why.reason}", container=name, warning=True)


def rejected(told: PodEvents, rejection: tuple[str, str]) -> None:
    """Say that the node does not take the pod."""
    reason, message = rejection
    told(reason, message.removeprefix(_PREFIX), warning=True)


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
