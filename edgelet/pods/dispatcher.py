"""Every pod its worker: news from the store, the engine and the volumes' sources find the one they concern."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

from edgelet.api.errors import EdgeletError
from edgelet.api.pod import Pod
from edgelet.pods import references, stored_pod
from edgelet.pods.eviction import Eviction
from edgelet.pods.eviction_order import Candidate
from edgelet.pods.memory import PendingResize
from edgelet.pods.worker import PodWorker
from edgelet.pods.worker_ports import WorkerPorts
from edgelet.ports.object_store import Change, Key, StoredObject, Watch
from edgelet.ports.pod_files import PodFiles
from edgelet.ports.runtime import ObservedPod

log = logging.getLogger(__name__)

_RETRY_S = 5.0
Rejection = tuple[str, str]  # reason, message
Admit = Callable[[Pod, tuple[Pod, ...]], Rejection | None]
Resize = Callable[[Pod, tuple[Pod, ...]], PendingResize | None]


@dataclass(frozen=True, slots=True)
class _Known:
    """What of an object was passed on to its worker."""

    uid: str
    generation: int
    wanted: object

    @staticmethod
    def of(stored: StoredObject) -> _Known:
        metadata = stored.document["metadata"]
        fields = ("deletionTimestamp", "deletionGracePeriodSeconds", "labels", "annotations")
        return _Known(stored.uid, stored.generation, [metadata.get(field) for field in fields])


class Dispatcher:
    """Starts a worker for every pod in the store, and removes what runs for no pod in the store."""

    def __init__(
        self,
        *,
        ports: WorkerPorts,
        files: PodFiles,
        admit: Admit,
        resize: Resize = lambda _pod, _others: None,
        orphans_may_go: asyncio.Event | None = None,
    ) -> None:
        """Make a dispatcher.

        Args:
            ports: For the workers.
            files: To find files that belong to no pod.
            admit: Whether the node takes a pod beside the others.
            resize: Whether it can give a pod that runs what it wants, beside the others.
            orphans_may_go: Set when what runs without an object may be removed; None: at once. A board that lost its
                database gives its sources time to tell again what is wanted.
        """
        self._ports = ports
        self._files = files
        self._admit = admit
        self._resize = resize
        self._orphans_may_go = orphans_may_go
        self._workers: dict[str, PodWorker] = {}  # by uid
        self._known: dict[Key, _Known] = {}
        self._unclaimed: dict[str, ObservedPod] = {}  # seen at first, wanted by no object yet
        self.adopted = asyncio.Event()  # set when every stored pod has its worker

    def candidates(self) -> tuple[Candidate, ...]:
        """Return the pods that are neither at their end nor on the way there."""
        return tuple(found for worker in self._workers.values() if (found := worker.candidate))

    def evict(self, uid: str, eviction: Eviction) -> bool:
        """Begin to end a pod; False: it is gone, or ends already."""
        worker = self._workers.get(uid)
        if worker is None or worker.candidate is None:
            return False
        worker.evict(eviction)
        return True

    def given_back(self, uid: str) -> bool:
        """Whether neither the engine nor the disk has anything of the pod any more, but its logs."""
        worker = self._workers.get(uid)
        return worker is None or worker.given_back

    async def run(self) -> None:
        """Work until cancelled. Cancelling leaves every container running."""
        with self._ports.store.watch("Pod", "ConfigMap", "Secret") as changes:
            seen = await self._first_look()
            self._unclaimed = dict(seen)
            async with asyncio.TaskGroup() as tasks:
                for stored in self._ports.store.list("Pod"):
                    self._begin(stored, self._unclaimed.pop(stored.uid, None), tasks)
                self.adopted.set()
                tasks.create_task(self._follow(changes, tasks), name="pods/changes")
                tasks.create_task(self._exits(), name="pods/exits")
                tasks.create_task(self._sweep(seen), name="pods/orphans")

    async def _first_look(self) -> dict[str, ObservedPod]:
        while True:
            try:
                return {one.pod.uid: one for one in await self._ports.runtime.pods()}
            except EdgeletError as error:
                log.warning("cannot look at the pods", extra={"reason": error.reason, "error": error})
                await self._ports.clock.sleep(error.retry_after.total_seconds() if error.retry_after else _RETRY_S)

    def _begin(self, stored: StoredObject, seen: ObservedPod | None, tasks: asyncio.TaskGroup) -> None:
        worker = PodWorker(
            stored.key,
            stored.uid,
            ports=self._ports,
            seen=seen,
            rejection=self._rejection(stored, seen),
            fits=lambda pod: self._resize(pod, self._living(but=stored.uid)),
        )
        self._workers[stored.uid] = worker
        self._known[stored.key] = _Known.of(stored)
        tasks.create_task(self._work(worker), name=f"pod-worker/{stored.uid}")

    def _rejection(self, stored: StoredObject, seen: ObservedPod | None) -> Rejection | None:
        """Judge a pod that never ran here; one that did is not turned away any more."""
        status = stored.document.get("status") or {}
        if seen is not None or status.get("phase") not in {None, "Pending"} or status.get("podIP") or stored.deleting:
            return None
        try:
            pod = stored_pod.pod_of(stored)
        except ValueError:
            return None  # its worker says that it cannot be read
        return self._admit(pod, self._living())

    def _living(self, *, but: str = "") -> tuple[Pod, ...]:
        """Return the pods that hold ports and shares of the node, as far as they can be read.

        Whether one is at its end the store knows: a worker reads its own last status only at its next turn.
        """
        stored = {one.uid: one for one in self._ports.store.list("Pod")}
        found = []
        for worker in self._workers.values():
            there = stored.get(worker.uid)
            ended = there is not None and (there.document.get("status") or {}).get("phase") in {"Succeeded", "Failed"}
            if ended or worker.uid == but:
                continue
            pod = worker.pod
            if pod is None and there is not None:
                with contextlib.suppress(ValueError):
                    pod = stored_pod.pod_of(there)
            if pod is not None:
                found.append(pod)
        return tuple(found)

    async def _work(self, worker: PodWorker) -> None:
        try:
            await worker.run()
        finally:
            if self._workers.get(worker.uid) is worker:
                del self._workers[worker.uid]

    async def _follow(self, changes: Watch, tasks: asyncio.TaskGroup) -> None:
        async for change in changes:
            if change.object.key.kind == "Pod":
                self._pod_changed(change, tasks)
            else:
                self._source_changed(change.object.key)

    def _pod_changed(self, change: Change, tasks: asyncio.TaskGroup) -> None:
        stored = change.object
        worker = self._workers.get(stored.uid)
        if change.type == "DELETED":
            self._known.pop(stored.key, None)
            if worker is not None:
                worker.wake(look=True, interrupt=True)
            return
        if worker is None:
            if (now := self._ports.store.get(stored.key)) is not None and now.uid == stored.uid:
                ran_before = self._unclaimed.pop(stored.uid, None)
                self._begin(stored, ran_before, tasks)
                if ran_before is not None:  # its object was lost and told again: much may have happened since that look
                    self._workers[stored.uid].wake(look=True)
            return
        known, self._known[stored.key] = self._known.get(stored.key), _Known.of(stored)
        if known != self._known[stored.key]:
            worker.wake(files=True, interrupt=True)
        elif worker.pod is not None and worker.pod.spec.readiness_gates:
            worker.wake()

    def _source_changed(self, key: Key) -> None:
        for worker in self._workers.values():
            pod = worker.pod
            if pod is not None and worker.key.namespace == key.namespace and key in references.of(pod):
                worker.wake(files=True)

    async def _exits(self) -> None:
        async for notice in self._ports.runtime.exits():
            self._exited(notice.pod_uid)

    def _exited(self, uid: str) -> None:  # of its own, so that no worker is kept by a name in a task that waits
        worker = self._workers.get(uid)
        if worker is not None:
            worker.wake(look=True)

    async def _sweep(self, seen: dict[str, ObservedPod]) -> None:
        """Remove what the engine and the disk have of pods that are not in the store."""
        if self._orphans_may_go is not None:
            await self._orphans_may_go.wait()
        waiting = set(seen) | await self._with_files()
        while waiting:
            wanted = {one.uid for one in self._ports.store.list("Pod")} | set(self._workers)
            for uid in sorted(waiting - wanted):
                log.warning("removing a pod that nobody wants", extra={"pod_uid": uid, "reason": "Orphaned"})
                try:
                    await self._ports.executor.forget(uid)
                except EdgeletError as error:
                    log.warning("cannot remove it yet", extra={"pod_uid": uid, "reason": error.reason, "error": error})
                else:
                    waiting.discard(uid)
                    self._unclaimed.pop(uid, None)
            waiting -= wanted
            if waiting:
                await self._ports.clock.sleep(_RETRY_S)

    async def _with_files(self) -> set[str]:
        try:
            return set(await self._files.list())
        except EdgeletError as error:
            log.warning("cannot list the pods' files", extra={"reason": error.reason, "error": error})
            return set()
