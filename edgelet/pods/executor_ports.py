"""What steps are carried out with, and what becomes of a failure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from edgelet.api.errors import EdgeletError
from edgelet.api.pod import Pod
from edgelet.pods import volumes
from edgelet.pods.image_fetch import ImageFetch
from edgelet.pods.memory import Problem
from edgelet.pods.node_facts import NodeFacts
from edgelet.pods.pod_events import PodEvents
from edgelet.pods.references import Objects
from edgelet.pods.restart_backoff import BackoffSettings
from edgelet.ports.clock import Clock
from edgelet.ports.events import EventSink
from edgelet.ports.object_store import ObjectStore
from edgelet.ports.pod_files import PodFiles
from edgelet.ports.runtime import Runtime

_RETRY = timedelta(seconds=10)  # kubelet: backOffPeriod of a pod that failed to sync
_NOT_BY_TIME = frozenset({"CreateContainerConfigError", "FailedMount"})


@dataclass(frozen=True, slots=True)
class ExecutorPorts:
    """What steps are carried out with."""

    store: ObjectStore
    runtime: Runtime
    files: PodFiles
    images: ImageFetch
    events: EventSink
    objects: Objects
    clock: Clock
    node: Callable[[], NodeFacts]
    backoff: BackoffSettings
    host_bounds: Callable[[Pod], volumes.HostBounds] = lambda _: {}  # by the board's policy

    def told(self, pod: Pod) -> PodEvents:
        """Return who takes the events of a pod."""
        return PodEvents(self.events, pod)

    def problem(self, error: EdgeletError) -> Problem:
        """Return what a failure leaves in memory: why, and when it is tried again."""
        wait = error.retry_after or _RETRY
        by_time = error.retry_after is not None or error.reason not in _NOT_BY_TIME
        # A missing object wakes the pod when it comes; the slow retry is for what nobody tells about (hostPath).
        wait_s = wait.total_seconds() * (1 if by_time else 3)
        return Problem(error.reason, error.message, retry_at_s=self.clock.monotonic_s() + wait_s)
