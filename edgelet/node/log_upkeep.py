"""Keeps the logs of running containers in their bounds. Asks the store which ones run, and no engine."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator

from edgelet.api.errors import EdgeletError
from edgelet.node import log_plan
from edgelet.node.log_plan import Growth, LogBounds
from edgelet.ports.clock import Clock
from edgelet.ports.log_keeping import LogKeeper, LogRef, SeenLog
from edgelet.ports.object_store import ObjectStore, StoredObject
from edgelet.ports.runtime import PodRef

log = logging.getLogger(__name__)

_STATUS_LISTS = ("containerStatuses", "initContainerStatuses")
Reopen = Callable[[str], Awaitable[None]]


class LogUpkeep:
    """One look at all logs a turn.

    Args:
        store: Whose pods' statuses tell what runs.
        files: The logs.
        reopen: Has the monitor of a container (by its id) open its log anew: Runtime.reopen_log.
        clock: For growth.
        bounds: How large, how many.
    """

    def __init__(
        self, store: ObjectStore, files: LogKeeper, *, reopen: Reopen, clock: Clock, bounds: LogBounds
    ) -> None:
        self._store = store
        self._files = files
        self._reopen = reopen
        self._clock = clock
        self._bounds = bounds
        self._sizes: dict[LogRef, int] = {}
        self._looked_s: float | None = None

    async def turn(self) -> float:
        """Cut what is too long; return after how many seconds to look again. Never raises EdgeletError."""
        running = dict(_running(self._store.list("Pod")))
        now_s = self._clock.monotonic_s()
        over_s = now_s - self._looked_s if self._looked_s is not None else 0.0
        try:
            seen = dict(zip(running, await self._files.look(tuple(running)), strict=True))
        except EdgeletError as error:
            log.warning("cannot look at the logs", extra={"reason": error.reason, "error": error.message})
            return log_plan.next_look_s((), self._bounds)
        self._looked_s = now_s
        growths = [self._growth(ref, one, over_s) for ref, one in seen.items()]
        self._sizes = {ref: one.size_bytes or 0 for ref, one in seen.items()}
        for ref, one in seen.items():
            await self._keep(ref, running[ref], one)
        return log_plan.next_look_s(growths, self._bounds)

    def _growth(self, ref: LogRef, seen: SeenLog, over_s: float) -> Growth:
        size = seen.size_bytes or 0
        return Growth(
            size_bytes=size % self._bounds.max_bytes, grown_bytes=size - self._sizes.get(ref, 0), over_s=over_s
        )

    async def _keep(self, ref: LogRef, container_id: str, seen: SeenLog) -> None:
        steps = log_plan.plan(seen, self._bounds)
        if steps.nothing:
            return
        extra = {"pod": f"{ref.pod.namespace}/{ref.pod.name}", "container": ref.container}
        try:
            if steps.drop:
                await self._files.drop(ref, steps.drop)
            if steps.cut is not None:
                await self._files.cut(ref, steps.cut)
                self._sizes[ref] = 0
            if steps.reopen:
                await self._reopen(container_id)
        except EdgeletError as error:
            log.warning("cannot cut a log", extra={**extra, "reason": error.reason, "error": error.message})
        else:
            log.debug("cut a log", extra=extra)


def _running(pods: tuple[StoredObject, ...]) -> Iterator[tuple[LogRef, str]]:
    """Give each running container's log and id."""
    for stored in pods:
        pod = PodRef(stored.uid, stored.key.namespace, stored.key.name)
        status = stored.document.get("status") or {}
        for one in (entry for which in _STATUS_LISTS for entry in status.get(which) or ()):
            identifier = str(one.get("containerID") or "").rpartition("//")[2]
            if identifier and (one.get("state") or {}).get("running") is not None:
                yield LogRef(pod, str(one["name"]), int(one.get("restartCount") or 0)), identifier
