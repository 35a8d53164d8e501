"""What a pod's status tells of a resize that is not done. Pure.

Source: Kubernetes pkg/kubelet/status/status_manager.go, KEP-1287: they are there while they hold, and gone after.
"""

from __future__ import annotations

from collections.abc import Iterator

from edgelet.api.conditions import Condition
from edgelet.api.pod import Pod
from edgelet.pods import resize
from edgelet.pods.memory import Memory
from edgelet.ports.runtime import ObservedPod

PENDING, IN_PROGRESS = "PodResizePending", "PodResizeInProgress"
TYPES = (PENDING, IN_PROGRESS)


def of(pod: Pod, seen: ObservedPod | None, memory: Memory) -> Iterator[Condition]:
    """Yield the conditions, without times. `pod` has the amounts that it has been given."""
    if (pending := memory.resize_pending) is not None:
        yield Condition(type=PENDING, status="True", reason=pending.reason, message=pending.message)
    if under_way := resize.in_progress(pod, seen, memory):
        problems = [memory.container(one.name).resize_problem for one in under_way]
        problem = next((one for one in problems if one is not None), None)
        yield Condition(
            type=IN_PROGRESS,
            status="True",
            reason=problem.reason if problem else None,
            message=problem.message if problem else None,
        )
