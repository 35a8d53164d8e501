"""One worker for one pod: look, plan one round, do it, look again. Nobody else touches the pod."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace

from edgelet.api.errors import EdgeletError
from edgelet.api.pod import Pod
from edgelet.pods import (
    active_deadline,
    allocation,
    announcements,
    plan,
    remember,
    resize,
    stored_pod,
)
from edgelet.pods.care import Care
from edgelet.pods.eviction import Eviction
from edgelet.pods.eviction_order import Candidate
from edgelet.pods.image_fetches import ImageFetches
from edgelet.pods.memory import Memory, PendingResize
from edgelet.pods.plan import Situation
from edgelet.pods.round_work import RoundWork
from edgelet.pods.running_round import RunningRound
from edgelet.pods.worker_ports import WorkerPorts
from edgelet.ports.object_store import Key, StoredObject
from edgelet.ports.runtime import ObservedPod

log = logging.getLogger(__name__)

_SHORTEST_WAIT_S = 0.01  # the rest of a rounded wait is no busy loop
_HELD_S = 10.0  # whether a pod may begin is asked that often
_RETRY_S = 5.0  # after a failure that names no time of its own


class PodWorker:
    """Runs until the pod's object is gone. `wake` may be called at any time, as often as one likes."""

    def __init__(
        self,
        key: Key,
        uid: str,
        *,
        ports: WorkerPorts,
        seen: ObservedPod | None,
        rejection: tuple[str, str] | None,
        fits: Callable[[Pod], PendingResize | None] = lambda _: None,
    ) -> None:
        self.key = key
        self.uid = uid
        self._ports = ports
        self._seen = seen
        self._rejection = rejection
        self._fits = fits
        self._look_needed = False  # the first look is given
        self._files_stale = False
        self._memory = Memory()
        self._woken = asyncio.Event()
        self._finished = False
        self._parsed: tuple[int, Pod] | None = None
        self._fetches = ImageFetches(
            uid, fetch=ports.executor.fetch_image, memory=lambda: self._memory, keep=self._replace, wake=self.wake
        )
        self._waiting: announcements.Waiting | None = None  # why containers wait; None: not reported yet
        self._eviction: Eviction | None = None  # decided, not yet in the status
        self._storage = ports.storage(self.evict)
        self._round = RunningRound(uid)
        self._care = Care(ports.care, memory=lambda: self._memory, keep=self._replace, news=self._heard)
        self._work = RoundWork(
            executor=ports.executor,
            care=self._care,
            fetches=self._fetches,
            memory=lambda: self._memory,
            keep=self._replace,
            touched=self._touched,
            finish=self._finish,
        )

    @property
    def pod(self) -> Pod | None:
        """The pod as it was read last, with the amounts that it has been given."""
        return allocation.given(self._parsed[1], self._memory.allocated) if self._parsed else None

    def wake(self, *, look: bool = False, files: bool = False, interrupt: bool = False) -> None:
        """Have the worker look at its object again.

        Args:
            look: The engine may have changed too.
            files: A ConfigMap or Secret of the pod changed.
            interrupt: What is being done may be obsolete: break it off (each step may be repeated).
        """
        self._look_needed |= look
        self._files_stale |= files
        self._woken.set()
        if interrupt:
            self._round.break_off()

    async def run(self) -> None:
        """Work until the pod is gone. A failure costs a delay, never the worker."""
        stored = self._ports.store.get(self.key)
        if stored is not None:
            self._memory = remember.from_status(stored_pod.status_of(stored))
        try:
            while True:
                self._woken.clear()  # before reading: what comes later wakes again
                wait_s = await self._guarded()
                if self._finished:
                    self._ports.status.forget(self.uid)
                    break
                if wait_s != 0.0:
                    await self._wait(wait_s)
        finally:
            self._close()
            await self._ports.status.last(self.key, self.uid)

    def _close(self) -> None:
        """End what goes on beside the rounds, and let go of it: as a cycle the pod would lie in memory for minutes."""
        self._storage.close()
        self._care.close()
        self._fetches.close()
        del self._storage, self._care, self._fetches, self._work

    async def _wait(self, seconds: float | None) -> None:
        # Not wait_for: on Python 3.11 it may swallow a cancellation that comes together with the event.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds if seconds is None else max(seconds, _SHORTEST_WAIT_S)):
                await self._woken.wait()

    async def _guarded(self) -> float | None:
        """Do one turn; return how long to wait for the next (0: none, None: until woken)."""
        try:
            return await self._turn()
        except EdgeletError as error:
            self._look_needed = True
            wait_s = error.retry_after.total_seconds() if error.retry_after else _RETRY_S
            log.warning(
                "cannot go on with the pod", extra={"pod": str(self.key), "reason": error.reason, "error": error}
            )
            return max(0.1, wait_s)
        except Exception:
            self._look_needed = True
            log.exception("a defect in the pod worker", extra={"pod": str(self.key), "reason": "InternalError"})
            return _RETRY_S

    async def _turn(self) -> float | None:
        stored = self._ports.store.get(self.key)
        if stored is None or stored.uid != self.uid:
            await self._ports.executor.forget(self.uid)
            self._finished = True
            return None
        try:
            pod = self._read(stored)
        except ValueError as error:
            await self._unreadable(stored, error)
            return None
        pod = self._allocate(pod)
        await self._look(pod)
        situation = self._situation(pod, stored)
        if self._files_stale and not situation.ended:
            self._files_stale = False
            await self._refresh(pod)
        self._care.follow(pod, self._seen)
        situation = await self._report(situation)
        self._storage.follow(pod, self._seen, active=_active(situation))
        is_new = self._seen is None and not situation.ended and not stored.deleting
        if is_new and not self._ports.may_begin(stored):
            return _HELD_S
        round_ = plan.plan(situation)
        if round_.steps:
            await self._round.run(self._work.carry_out(pod, round_.steps), meanwhile=lambda: self._meanwhile(pod))
            return 0.0
        self._ports.status.settle(self.key, self.uid)
        waits = (round_.wake_in_s, None if situation.ended else allocation.retry_s(self._memory))
        return min((one for one in waits if one is not None), default=None)

    def _allocate(self, pod: Pod) -> Pod:
        """Return the pod with what it is given: what it wants, unless a resize has no room."""
        given = allocation.given(pod, self._memory.allocated)
        if given is pod:
            self._memory = allocation.settled(self._memory, pod, None)
            return pod
        pending = self._fits(pod)
        if pending is None or pending != self._memory.resize_pending:
            announcements.allocated(self._ports.executor.told(pod), pending)
        if pending is None:
            self._memory = resize.without_ended(pod, self._seen, self._memory)
        self._memory = allocation.settled(self._memory, pod, pending)
        return pod if pending is None else given

    def _read(self, stored: StoredObject) -> Pod:
        if self._parsed is None or self._parsed[0] != stored.resource_version:
            pod = stored_pod.pod_of(stored)
            if self._parsed:
                self._memory = remember.change(self._memory, self._parsed[1], pod)
            self._parsed = (stored.resource_version, pod)
        return self._parsed[1]

    async def _unreadable(self, stored: StoredObject, error: ValueError) -> None:
        """Leave what runs as it is until somebody says anew what is wanted, or deletes it."""
        if stored.deleting:
            await self._ports.executor.forget(self.uid)
            await self._ports.store.remove(self.key, uid=self.uid)
            self._finished = True
            return
        extra = {"pod": str(self.key), "reason": "PodUnreadable", "error": error}
        log.error("a stored pod cannot be read; apply it again or delete it", extra=extra)

    async def _look(self, pod: Pod) -> None:
        if self._look_needed:
            self._look_needed = False
            self._seen = await self._ports.runtime.pod(self.uid)
        known = self._memory
        memory = await self._ports.executor.read_ends(pod, self._seen, self._taken_in(pod), known=known)
        if self._memory is not known:  # an image, a probe or a hook came meanwhile: that must not be lost
            memory = replace(self._taken_in(pod), exits=memory.exits)
        self._memory = memory

    def _taken_in(self, pod: Pod) -> Memory:
        """Return the memory after what was seen."""
        clock = self._ports.clock
        memory = remember.look(pod, self._seen, self._memory, now=clock.now(), now_s=clock.monotonic_s())
        if pod.metadata.deletion_timestamp is not None and memory.deletion_started_s is None:
            memory = replace(memory, deletion_started_s=clock.monotonic_s())
        return memory

    def _situation(self, pod: Pod, stored: StoredObject) -> Situation:
        status = stored.document.get("status") or {}
        return Situation(
            pod=pod,
            seen=self._seen,
            memory=self._memory,
            now_s=self._ports.clock.monotonic_s(),
            backoff=self._ports.backoff,
            rejected=self._rejection is not None,
            ended=status.get("phase") in {"Succeeded", "Failed"},
            recursive_read_only_supported=self._ports.recursive_read_only_supported,
            evicted=self._evicted(pod),
        )

    @property
    def candidate(self) -> Candidate | None:
        """The pod as one that may be given up; None: it is at its end or on the way there, or cannot be read."""
        stored, pod = self._ports.store.get(self.key), self.pod
        if pod is None or stored is None or stored.uid != self.uid or stored.deleting:
            return None
        return Candidate(pod, self._seen) if _active(self._situation(pod, stored)) else None

    @property
    def given_back(self) -> bool:
        """Whether neither the engine nor the disk has anything of a pod that ended, but its logs."""
        return self._seen is None and self._memory.volumes_gone

    def evict(self, eviction: Eviction) -> None:
        """End the pod, whatever is being done."""
        if self.pod is not None:
            announcements.evicted(self._ports.executor.told(self.pod), eviction)
        self._eviction = eviction
        self.wake(interrupt=True)

    def _evicted(self, pod: Pod) -> Eviction | None:
        now_s = self._ports.clock.monotonic_s()
        return self._eviction or active_deadline.exceeded(pod, self._memory, now_s=now_s)

    async def _refresh(self, pod: Pod) -> None:
        """A source of the pod's files changed: bring it in, and let what waits for it try again."""
        if self._memory.files_ready:
            self._memory = await self._ports.executor.refresh_files(pod, lambda: self._memory)
        else:
            self._memory = replace(self._memory, files_problem=None)

    async def _report(self, situation: Situation) -> Situation:
        """Write the status; a final phase is on disk before anything is removed because of it."""
        status = await self._ports.status.write(self.key, self.uid, situation, rejection=self._rejection)
        rejection = None if situation.ended else self._rejection
        told = self._ports.executor.told(situation.pod)
        self._waiting = announcements.reported(told, status, before=self._waiting, rejection=rejection)
        clock = self._ports.clock
        now, now_s = clock.now(), clock.monotonic_s()
        self._memory = active_deadline.anchored(self._memory, status.start_time, now=now, now_s=now_s)
        return replace(situation, ended=status.phase in {"Succeeded", "Failed"}, memory=self._memory)

    async def _meanwhile(self, pod: Pod) -> None:
        """Tell of what probes and hooks decide while a round goes on: readiness, while containers end."""
        if stored := self._ports.store.get(self.key):
            await self._report(self._situation(pod, stored))

    async def _finish(self, pod: Pod) -> None:
        with self._round.to_its_end():  # that the object goes is news too: it must not break off what makes it go
            await self._ports.executor.finish_deletion(pod, self.key)
            self._finished = True

    def _touched(self) -> None:
        self._look_needed = True

    def _replace(self, memory: Memory) -> None:
        self._memory = memory

    def _heard(self) -> None:
        self._round.heard()
        self.wake()


def _active(situation: Situation) -> bool:
    """Whether the pod is neither at its end nor on the way there."""
    ending = situation.pod.metadata.deletion_timestamp is not None or situation.evicted is not None
    return not (ending or situation.ended or situation.rejected)
