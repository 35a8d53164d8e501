"""The sandbox by Podman's infra container and netavark: works everywhere, needed for a shared PID namespace."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from edgelet.adapters.podman import image_repair, network, observe, processes, recovery, translate
from edgelet.adapters.podman.bridge_mac import BridgeMac
from edgelet.adapters.podman.errors import LibpodError
from edgelet.adapters.podman.exits import ExitWatch
from edgelet.adapters.podman.host_port_turns import HostPortTurns
from edgelet.adapters.podman.inspection import Inspected, ListedPod
from edgelet.adapters.podman.inventory import Inventory
from edgelet.adapters.podman.libpod import SUCCESS, Libpod
from edgelet.adapters.podman.netns_intents import NetnsIntents
from edgelet.adapters.podman.network import PodNetwork
from edgelet.adapters.podman.observe import Knowledge
from edgelet.adapters.podman.pod_cgroups import PodCgroups
from edgelet.adapters.podman.recovery import Sweeper
from edgelet.adapters.podman.stalled_starts import StalledStarts
from edgelet.adapters.podman.station import holder, is_conflict, station
from edgelet.api.errors import EngineError
from edgelet.ports.runtime import SandboxSpec

_REASON = "FailedCreatePodSandBox"
_ANY = SUCCESS | {HTTPStatus.CONFLICT, HTTPStatus.INTERNAL_SERVER_ERROR}
_OR_ABSENT = SUCCESS | {HTTPStatus.NOT_FOUND}
_REMOVAL_TRIES = 4  # with a dead conmon the first one always fails
_REMOVAL_PAUSE_S = 0.2
_APPEAR_TRIES = 20  # a name is taken some moments before the pod can be listed
_APPEAR_PAUSE_S = 0.1


class InfraSandbox:
    """Makes and removes sandboxes."""

    def __init__(
        self,
        *,
        libpod: Libpod,
        inventory: Inventory,
        exits: ExitWatch,
        sweeper: Sweeper,
        stalled: StalledStarts,
        network: PodNetwork,
        bridge_mac: BridgeMac,
        owner: str,
        cgroups: PodCgroups,
        intents: NetnsIntents,
        address: Callable[[], str] = str,
    ) -> None:
        """`address` gives the next sandbox its address, or "" to leave that to the engine."""
        self._libpod = libpod
        self._inventory = inventory
        self._exits = exits
        self._sweeper = sweeper
        self._stalled = stalled
        self._network = network
        self._bridge_mac = bridge_mac
        self._owner = owner
        self._cgroups = cgroups
        self._intents = intents
        self._address = address
        self._host_ports = HostPortTurns()

    async def create(self, spec: SandboxSpec) -> None:
        """Make and start it, finish a half-made one, replace a broken one or one of another attempt.

        Raises:
            EngineError: FailedCreatePodSandBox; nothing half-made is left. EngineUnavailable; something may be left.
        """
        with self._inventory.changing(spec.pod.uid):
            await network.ensure(self._libpod, self._network, owner=self._owner)
            with station(_REASON, f"look for sandboxes of {spec.pod.name}"):
                kept = await self._keep_one(spec)
            if kept is not None and await self.is_up(kept):
                return
            if kept is not None and not await self._try_start(kept, spec):
                await self.remove(kept)
                kept = None
            if kept is None:
                await self._make(spec)

    async def newest(self, uid: str) -> ListedPod | None:
        """Return the sandbox of a pod. Raises LibpodError."""
        found = await self._inventory.engine_pods(uid)
        return found[-1] if found else None

    async def remove(self, sandbox: ListedPod) -> None:
        """Remove a sandbox with everything in it, and what it leaks.

        Raises:
            EngineError: KillPodSandboxError: it could not be removed.
        """
        with self._inventory.changing(sandbox.pod.uid):
            await self._remove(sandbox)

    async def _remove(self, sandbox: ListedPod) -> None:
        reason = "KillPodSandboxError"
        with station(reason, f"look into the sandbox {sandbox.name}"):
            inside = [each for each in await self._inventory.containers(sandbox.pod.uid) if each.pod_id == sandbox.id]
            self._sweeper.intend(sandbox.id, recovery.of(inside, [await self._cgroup_path(sandbox)]))
        for each in inside:
            self._inventory.doom(each.id)
        with station(reason, f"remove the sandbox {sandbox.name}"):
            query = {"force": "true", "timeout": "0"}
            async with self._host_ports.removal():
                await remove_stubborn(self._libpod, f"/pods/{sandbox.id}", query)
        for each in inside:
            self._inventory.forget(each.id)
        await self._sweeper.finish(sandbox.id)

    async def _keep_one(self, spec: SandboxSpec) -> ListedPod | None:
        kept = None
        for sandbox in await self._inventory.engine_pods(spec.pod.uid):
            if sandbox.attempt == spec.attempt:
                kept = sandbox
            else:
                await self.remove(sandbox)
        return kept

    async def is_up(self, sandbox: ListedPod) -> bool:
        """Whether its network is up; asks the engine unless it was seen alive."""
        return observe.ready(sandbox, *await self._infra(sandbox))

    async def _mapped(self, sandbox: ListedPod, spec: SandboxSpec) -> bool:
        """Whether the pod's users are those it was given: what an engine does not know it may ignore."""
        if not spec.user_ids_first:
            return True
        infra, _ = await self._infra(sandbox)
        return infra is not None and processes.user_ids_first(infra.pid) == spec.user_ids_first

    async def _infra(self, sandbox: ListedPod) -> tuple[Inspected | None, Knowledge]:
        with station(_REASON, f"inspect the sandbox {sandbox.name}"):
            infra = await self._inventory.find(sandbox.infra_id) if sandbox.infra_id else None
        if infra is None:
            return None, observe.NOTHING
        return infra, Knowledge(self._exits.end(infra.id), self._exits.is_dead(infra.id))

    async def _try_start(self, sandbox: ListedPod, spec: SandboxSpec) -> bool:
        """Start one that was never started; anything else is not worth saving."""
        infra, _ = await self._infra(sandbox)
        if infra is None or not infra.startable:
            return False
        return not await self._start(sandbox, spec) and await self.is_up(sandbox)

    async def _make(self, spec: SandboxSpec) -> None:
        what = f"create the sandbox of {spec.pod.namespace}/{spec.pod.name}"
        await self._cgroups.remove(spec.pod.uid)  # of a creation that was killed: the engine has forgotten it
        spec = replace(spec, cgroup_parent=self._cgroups.infra_parent(spec))
        address = "" if spec.host_network else self._address()
        body = translate.sandbox_body(spec, owner=self._owner, network=self._network.name, address=address)
        try:
            await self._create(body)
        except LibpodError as error:
            await self._remove_half_made(spec)
            self._cgroups.abandon(spec.pod.uid)
            if image_repair.tells(error.message):
                await image_repair.forget_pause(self._libpod, error.message)
            raise EngineError(_REASON, f"cannot {what}: {error.message}") from error
        with station(_REASON, what):
            made = await self._appeared(spec)
        failure = await self._start(made, spec)
        if not failure and not await self.is_up(made):
            failure = "its infra container ended at once"
        if not failure and not await self._mapped(made, spec):
            failure = "can't set `spec.hostUsers: false`, the engine gave the pod other users than it was told"
        if failure:
            await self.remove(made)
            await self._cgroups.remove(spec.pod.uid)
            raise EngineError(_REASON, f"cannot {what}: {failure}")
        self._bridge_mac.keep()

    async def _create(self, body: dict[str, Any]) -> None:
        """Create it; a name that is taken means that an earlier call got there. Raises LibpodError."""
        self._inventory.expect_pods()
        try:
            await self._post(body)
        except LibpodError as error:
            if not is_conflict(error):
                raise
            blocker = holder(error)
            if blocker and await self._inventory.inspect(blocker) is None:
                # Storage of an infra container whose creation was killed: libpod does not know it, the name is ours.
                await remove_stubborn(self._libpod, f"/containers/{blocker}", {"force": "true"})
                await self._post(body)

    async def _post(self, body: dict[str, Any]) -> None:
        async with self._libpod.creations.one():
            await self._libpod.call("POST", "/pods/create", body=body)

    async def _appeared(self, spec: SandboxSpec) -> ListedPod:
        for _ in range(_APPEAR_TRIES):
            found = await self._inventory.engine_pods(spec.pod.uid)
            for sandbox in found:
                if sandbox.attempt == spec.attempt and sandbox.infra_id:
                    return sandbox
            await asyncio.sleep(_APPEAR_PAUSE_S)
        raise LibpodError(HTTPStatus.INTERNAL_SERVER_ERROR, "it was created and is not there")

    async def _start(self, sandbox: ListedPod, spec: SandboxSpec) -> str:
        """Start it and return what went wrong, "" for nothing."""
        turn = self._host_ports.start() if spec.ports else contextlib.nullcontext()
        with self._intents.expected():
            async with turn, self._stalled.broken_off(sandbox.infra_id):
                reply = await self._libpod.call("POST", f"/pods/{sandbox.id}/start", ok=_ANY)
        if reply.status in SUCCESS:
            return ""
        document = reply.json() or {}
        errors = document.get("Errs") or [document.get("message") or document.get("cause") or "no reason given"]
        return "; ".join(map(str, errors))

    async def _remove_half_made(self, spec: SandboxSpec) -> None:
        with station(_REASON, f"look for sandboxes of {spec.pod.name}"):
            for sandbox in await self._inventory.engine_pods(spec.pod.uid):
                await self.remove(sandbox)

    async def _cgroup_path(self, sandbox: ListedPod) -> str:
        reply = await self._libpod.call("GET", f"/pods/{sandbox.id}/json", ok=_OR_ABSENT)
        document = reply.json() if reply.status != HTTPStatus.NOT_FOUND else None
        return (document or {}).get("CgroupPath") or ""


async def remove_stubborn(libpod: Libpod, path: str, query: dict[str, str]) -> None:
    """DELETE until it is gone: after a crash the first one clears up and fails, the next one succeeds.

    Raises:
        LibpodError: It is still there.
    """
    for left in reversed(range(_REMOVAL_TRIES)):
        try:
            await libpod.call("DELETE", path, query=query, ok=_OR_ABSENT)
        except LibpodError:
            if not left:
                raise
            await asyncio.sleep(_REMOVAL_PAUSE_S)
        else:
            return
