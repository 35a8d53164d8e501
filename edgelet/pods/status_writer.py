"""Statuses into the store: at once for everybody to see, on disk where a power cut must not lose them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
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
_SETTLE_S = 1.0  # changes of so long go to disk together


class StatusWriter:
    """Writes pod statuses.

    A final phase is durable before `write` returns. Others become durable a moment after the pod came to rest, and
    only where something changed that the engine could not tell again (phase, conditions, restarts, start time).
    """

    def __init__(self, store: ObjectStore, clock: Clock, host_ips: Callable[[], tuple[str, ...]]) -> None:
        self._store = store
        self._clock = clock
        self._host_ips = host_ips
        self._durable: dict[str, Any] = {}  # by uid: what is on disk, as far as this matters
        self._pending: dict[str, asyncio.Task[None]] = {}

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
            self._durable[uid] = _essence(document)
        return built

    def settle(self, key: Key, uid: str) -> None:
        """Have the newest status on disk soon, if it differs in what matters from what is there."""
        stored = self._store.get(key)
        if stored is None or uid in self._pending:
            return
        if self._durable.get(uid) != _essence(stored.document.get("status") or {}):
            task = asyncio.create_task(self._flush(key, uid), name=f"status/{uid}")
            self._pending[uid] = task
            task.add_done_callback(lambda _: self._pending.pop(uid, None))

    def forget(self, uid: str) -> None:
        """Drop what is known of a pod that is gone."""
        self._durable.pop(uid, None)
        if task := self._pending.pop(uid, None):
            task.cancel()

    async def _flush(self, key: Key, uid: str) -> None:
        wait_s = _SETTLE_S
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
            self._durable[uid] = _essence(document)
            return


def _essence(document: Any) -> Any:
    """Return what a status must not lose in a power cut."""
    restarts = [
        (one.get("name"), one.get("restartCount"), one.get("resources"), one.get("allocatedResources"))
        for one in (*document.get("containerStatuses", ()), *document.get("initContainerStatuses", ()))
    ]
    conditions = [(one.get("type"), one.get("status")) for one in document.get("conditions", ())]
    return (document.get("phase"), document.get("reason"), document.get("startTime"), conditions, restarts)
