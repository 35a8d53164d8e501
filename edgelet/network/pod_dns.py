"""Keeps the pods' name server in step with the pods, and says so when it cannot."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from edgelet.api.errors import EdgeletError
from edgelet.network import pod_names
from edgelet.network.pod_names import NamedPod
from edgelet.ports.clock import Clock
from edgelet.ports.name_server import NameServer
from edgelet.ports.object_store import ObjectStore, StoredObject

log = logging.getLogger(__name__)

_KIND = "Pod"
_SETTLE_S = 0.1  # pods come and go by the dozen; a reload may cost a question that is on its way
_NO_ADDRESS_S = 1.0  # after a boot: statuses still tell of the pods before it
_LOOK_S = 60.0
_RECOGNISE_TRIES, _RECOGNISE_PAUSE_S = 50, 0.2
_FIRST_RETRY_S, _MAX_RETRY_S = 1.0, 60.0
_FAILURES_BEFORE_TOLD = 3  # what a moment heals shall not give pods other resolvers for their whole life
_SOON_S = 10.0  # a server that lives less is started again later and later


class PodDns:
    """`run` is its one task.

    Args:
        store: Pods with their statuses.
        server: The name server.
        clock: For waits.
        adopted: Returns when every stored pod was looked at after the agent's start.
        told: Hears why pods have no server, "" when they have one again; at start by `begin`.
    """

    def __init__(
        self,
        *,
        store: ObjectStore,
        server: NameServer,
        clock: Clock,
        adopted: Callable[[], Awaitable[object]],
        told: Callable[[str], None],
    ) -> None:
        self._store = store
        self._server = server
        self._clock = clock
        self._adopted = adopted
        self._told = told
        self._pods: dict[str, NamedPod] = {}  # by uid
        self._known = False  # which pods there are
        self._wake = asyncio.Event()
        self._failures = 0
        self._trouble = ""

    async def begin(self) -> None:
        """Tell whether pods may count on the server. Before the first pod is made."""
        self._trouble = await self._server.why_not()
        self._told(self._trouble)

    async def run(self) -> None:
        """Serve, for ever. When we are cancelled the server stays, unless there is no pod that needs it."""
        if await self._server.runs():
            await self._recognised()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follow(), name="pod-dns/pods")
                tasks.create_task(self._hear_ends(), name="pod-dns/ends")
                tasks.create_task(self._serve(), name="pod-dns/serve")
        finally:
            if self._known and not self._pods:  # the last one may have gone a moment ago
                with contextlib.suppress(EdgeletError):
                    await self._server.serve(())

    async def _recognised(self) -> None:
        """Wait until statuses tell of addresses again: after a kill the store may not know those of pods that run."""
        await self._adopted()
        for _ in range(_RECOGNISE_TRIES):
            if not any(pod_names.expected(one.document) for one in self._store.list(_KIND)):
                break
            await self._clock.sleep(_RECOGNISE_PAUSE_S)

    async def _follow(self) -> None:
        with self._store.watch(_KIND) as changes:
            for stored in self._store.list(_KIND):
                self._note(stored, gone=False)
            self._known = True
            self._wake.set()
            async for change in changes:
                self._note(change.object, gone=change.type == "DELETED")

    def _note(self, stored: StoredObject, *, gone: bool) -> None:
        found = None if gone else pod_names.named(stored.document)
        if found == self._pods.get(stored.uid):
            return
        if found is None:
            del self._pods[stored.uid]
        else:
            self._pods[stored.uid] = found
        self._wake.set()

    async def _hear_ends(self) -> None:
        retry_s = 0.0
        while True:
            since_s = self._clock.monotonic_s()
            await self._server.ended()
            soon = self._clock.monotonic_s() - since_s < _SOON_S
            log.warning("the pods' name server ended; it is started again", extra={"reason": "PodDNSEnded"})
            await self._clock.sleep(retry_s)
            retry_s = _longer(retry_s) if soon else 0.0
            self._wake.set()

    async def _serve(self) -> None:
        await self._wake.wait()  # until it is known which pods are there
        while True:
            self._wake.clear()  # before looking: what comes later wakes again
            wait_s = await self._turn()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
            await self._clock.sleep(_SETTLE_S)

    async def _turn(self) -> float | None:
        """Have what is wanted served; return when to look again, None for when something changes."""
        wanted = pod_names.entries(self._pods.values())
        try:
            there = await self._server.serve(wanted)
        except EdgeletError as error:
            return self._failed(error)
        self._failures = 0
        if not there:
            return _NO_ADDRESS_S
        if wanted:
            self._tell("")
        return _LOOK_S if wanted else None

    def _failed(self, error: EdgeletError) -> float:
        self._failures += 1
        if self._failures >= _FAILURES_BEFORE_TOLD:
            self._tell(error.message)
        log.debug("no name server", extra={"reason": error.reason, "error": error.message})
        return min(_MAX_RETRY_S, _FIRST_RETRY_S * 2.0 ** min(self._failures - 1, 10))

    def _tell(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            self._told(trouble)


def _longer(retry_s: float) -> float:
    return min(_MAX_RETRY_S, retry_s * 2 or _FIRST_RETRY_S)
