"""activeDeadlineSeconds: how long a pod may be active on the node. Pure.

Source: Kubernetes pkg/kubelet/active_deadline.go.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from edgelet.api.pod import Pod
from edgelet.pods.eviction import Eviction
from edgelet.pods.memory import Memory

_EXCEEDED = Eviction("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")


def anchored(memory: Memory, start_time: datetime | None, *, now: datetime, now_s: float) -> Memory:
    """Return the memory with the monotonic time of status.startTime.

    The wall clock is asked once in the life of a worker: a board that learns the time later fails no pod by that.
    """
    if memory.active_since_s is not None or start_time is None:
        return memory
    return replace(memory, active_since_s=now_s - max(0.0, (now - start_time).total_seconds()))


def remaining_s(pod: Pod, memory: Memory, *, now_s: float) -> float | None:
    """Return how long the pod may go on; None for as long as it likes."""
    allowed_s = pod.spec.active_deadline_seconds
    if allowed_s is None or memory.active_since_s is None:
        return None
    return max(0.0, memory.active_since_s + allowed_s - now_s)


def exceeded(pod: Pod, memory: Memory, *, now_s: float) -> Eviction | None:
    """Return the end of a pod whose time is over; None before."""
    return _EXCEEDED if remaining_s(pod, memory, now_s=now_s) == 0.0 else None
