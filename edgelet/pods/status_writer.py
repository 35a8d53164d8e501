"""Statuses into the store: at once for everybody to see, on disk where a power cut must not lose them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edgelet.api.errors import EdgeletError
from edgelet.api.pod_status import PodStatus
from edgelet.pods import qos, status, stored_pod
from edgelet.pods.plan import Situation
from edgelet.pods.status import Surroundings
from edgelet.ports.clock import Clock
from edgelet.ports.object_store import Key, ObjectStore

log = logging.getLogger(__name__)

_FINAL = frozenset({"Succeeded", "Failed"})
_RETRY_MAX_S = 60.0
_READINESS = frozenset({"Ready", "ContainersReady"})
_READINESS_EVERY_S = 3600.0  # what a probe flaps is written no more often than that
_SETTLE_S = 1.0  # changes of so long go to disk together


@dataclass(frozen=True, slots=True)
class _Pending:
    task: asyncio.Task[None]
    may_wait: bool  # it is readiness alone


class StatusWriter:
    """Writes pod statuses.

    A final phase is durable before `write` returns. Others become durable a moment after the pod came to rest, and
    only where something changed that the engine could not tell again (phase, conditions, restarts, start time).
    Readiness alone is written once an hour at most: a probe that flaps wears out no flash.
    """

    def __init__(self, store: ObjectStore, clock: Clock, host_ips: Callable[[], tuple[str, ...]]) -> None:
        self._store = store
        self._clock = clock
        self._host_ips = host_ips
        self._durable: dict[str, Any] = {}  # by uid: what is on disk, as far as this matters
        self._pending: dict[str, _Pending] = {}
        self._ready_on_disk: dict[str, Any] = {}  # by uid: readiness as it is on disk
        self._ready_written_s: dict[str, float] = {}  # by uid: when it was written for its own sake

    async def write(
        self, key: Key, uid: str, situation: Situation, *, rejection: tuple[str, str] | None = None
    ) -> PodStatus:
        """Build the status and put it into the store.

        Raises:
            StorageError: A final status could not be made durable; nothing may be removed because of it.
        """
        stored = self._store.get(key)
        before = stored_pod.status_of(stored) if stored else PodStatus()
        now = self._clock.now()
        around = Surroundings(
            now=now,
            host_ips=self._host_ips(),
            qos_class=before.qos_class or qos.qos_class(situation.pod),
            start_time=before.start_time or now,
            rejection=rejection,
        )
        built = status.build(situation, around, before=before)
        final = built.phase in _FINAL
        document = built.to_document()
        await self._store.put_status(key, document, uid=uid, durable=final)
        if final:
            self._note(uid, document)
        return built

    def settle(self, key: Key, uid: str) -> None:
        """Have the newest status on disk soon, if it differs in what matters from what is there."""
        stored = self._store.get(key)
        pending = self._pending.get(uid)
        if stored is None or (pending is not None and not pending.may_wait):
            return
        document = stored.document.get("status") or {}
        if self._durable.get(uid) != _essence(document):
            if pending is not None:
                pending.task.cancel()
            self._begin(key, uid, _SETTLE_S, may_wait=False)
        elif pending is None and (rest_s := self._readiness_rest_s(uid, document)) is not None:
            self._begin(key, uid, rest_s, may_wait=True)

    def _begin(self, key: Key, uid: str, wait_s: float, *, may_wait: bool) -> None:
        task = asyncio.create_task(self._flush(key, uid, wait_s), name=f"status/{uid}")
        self._pending[uid] = pending = _Pending(task, may_wait)
        task.add_done_callback(lambda _: self._pending.pop(uid) if self._pending.get(uid) is pending else None)

    def _readiness_rest_s(self, uid: str, document: Any) -> float | None:
        """Return when readiness may be written again; None: it is on disk as it is."""
        if self._ready_on_disk.get(uid) == _readiness(document):
            return None
        written_s = self._ready_written_s.get(uid)
        rest_s = 0.0 if written_s is None else written_s + _READINESS_EVERY_S - self._clock.monotonic_s()
        return max(_SETTLE_S, rest_s)

    def forget(self, uid: str) -> None:
        """Drop what is known of a pod that is gone."""
        self._durable.pop(uid, None)
        self._ready_on_disk.pop(uid, None)
        self._ready_written_s.pop(uid, None)
        if pending := self._pending.pop(uid, None):
            pending.task.cancel()

    async def last(self, key: Key, uid: str) -> None:
        """Have what still waits to be written on disk: the worker ends, the pod goes on."""
        pending = self._pending.pop(uid, None)
        stored = self._store.get(key)
        if pending is None or stored is None:
            return
        pending.task.cancel()
        try:
            await self._store.put_status(key, stored.document.get("status") or {}, uid=uid, durable=True)
        except EdgeletError as error:
            log.warning("cannot save the status", extra={"pod": str(key), "reason": error.reason, "error": error})

    async def _flush(self, key: Key, uid: str, wait_s: float) -> None:
        while True:
            await self._clock.sleep(wait_s)
            stored = self._store.get(key)
            if stored is None or stored.uid != uid:
                return
            document = stored.document.get("status") or {}
            try:
                await self._store.put_status(key, document, uid=uid, durable=True)
            except EdgeletError as error:  # a full disk: the newest one is written once there is room
                log.warning("cannot save the status", extra={"pod": str(key), "reason": error.reason, "error": error})
                wait_s = min(_RETRY_MAX_S, wait_s * 4)
                continue
            self._note(uid, document)
            return

    def _note(self, uid: str, document: Any) -> None:
        essence = _essence(document)
        if self._durable.get(uid) == essence:
            self._ready_written_s[uid] = self._clock.monotonic_s()
        self._durable[uid] = essence
        self._ready_on_disk[uid] = _readiness(document)


def _essence(document: Any) -> Any:
    """Return what a status must not lose in a power cut."""
    restarts = [
        (one.get("name"), one.get("restartCount"), one.get("resources"), one.get("allocatedResources"))
        for one in (*document.get("containerStatuses", ()), *document.get("initContainerStatuses", ()))
    ]
    conditions = [
        (one.get("type"), one.get("status"))
        for one in document.get("conditions", ())
        if one.get("type") not in _READINESS
    ]
    return (document.get("phase"), document.get("reason"), document.get("startTime"), conditions, restarts)


def _readiness(document: Any) -> Any:
    """Return what probes decide: worth keeping over a restart, not worth a write for each change."""
    started = [
        (one.get("name"), one.get("started"))
        for one in (*document.get("containerStatuses", ()), *document.get("initContainerStatuses", ()))
    ]
    ready = [one.get("status") for one in document.get("conditions", ()) if one.get("type") in _READINESS]
    return (started, ready)
