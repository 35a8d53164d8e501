"""Looks every ten seconds at what a pod with limits has on disk, beside everything else. Other pods cost nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from edgelet.api.pod import Pod
from edgelet.pods import local_storage, remember
from edgelet.pods.eviction import Eviction
from edgelet.ports.clock import Clock
from edgelet.ports.pod_files import PodPaths
from edgelet.ports.runtime import ObservedPod
from edgelet.ports.tree_usage import TreeUsage

log = logging.getLogger(__name__)

INTERVAL_S = 10.0  # kubelet: monitoringInterval of the eviction manager
_REST_FACTOR = 10  # a count that takes long is made more rarely: at most a tenth of the time goes into it


class StorageWatch:
    """Of one pod; owned by its worker."""

    def __init__(self, usage: TreeUsage, paths: PodPaths, clock: Clock, evict: Callable[[Eviction], None]) -> None:
        self._usage = usage
        self._paths = paths
        self._clock = clock
        self._evict = evict
        self._pod: Pod | None = None
        self._seen: ObservedPod | None = None
        self._task: asyncio.Task[None] | None = None

    def follow(self, pod: Pod, seen: ObservedPod | None, *, active: bool) -> None:
        """Watch the pod as it is now; nothing is watched while nothing of it runs, or it is at its end."""
        self._pod, self._seen = pod, seen
        if not (active and local_storage.limited(pod) and remember.alive(seen)):
            self.close()
        elif self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"storage/{pod.metadata.uid}")

    def close(self) -> None:
        """Stop watching."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        wait_s = INTERVAL_S
        while True:
            await self._clock.sleep(wait_s)
            began_s = self._clock.monotonic_s()
            try:
                if (found := await self._look()) is not None:
                    self._task = None
                    self._evict(found)
                    return
            except Exception:
                log.exception("a defect in the storage watch", extra={"reason": "InternalError"})
            wait_s = max(INTERVAL_S, _REST_FACTOR * (self._clock.monotonic_s() - began_s))

    async def _look(self) -> Eviction | None:
        pod, seen = self._pod, self._seen
        if pod is None:
            return None
        places = local_storage.places(pod, seen, paths=self._paths)
        return local_storage.exceeded(pod, places, await self._usage.measure(places.all()))
