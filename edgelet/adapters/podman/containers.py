"""Instances of containers: made once, started once, ended and removed; signals go to the process, not to the engine."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from http import HTTPStatus

from edgelet.adapters.podman import image_repair, inspection, pod_cgroups, recovery, signals, translate
from edgelet.adapters.podman.errors import RETRY_SOON, LibpodError
from edgelet.adapters.podman.exits import End, ExitWatch, Subject
from edgelet.adapters.podman.inspection import Inspected, ListedPod
from edgelet.adapters.podman.inventory import Inventory
from edgelet.adapters.podman.libpod import Libpod
from edgelet.adapters.podman.recovery import Sweeper
from edgelet.adapters.podman.sandbox import remove_stubborn
from edgelet.adapters.podman.stalled_starts import StalledStarts
from edgelet.adapters.podman.station import holder, is_conflict, station
from edgelet.adapters.podman.translate import Abilities
from edgelet.api.errors import DamagedImageError, EngineError
from edgelet.ports.clock import Clock
from edgelet.ports.runtime import BeforeStart, ContainerSpec, Resources

_START_FAILED = 128  # containerd: a process that could not be started, whatever the reason (StartError)
_GONE_S = 10.0  # from SIGKILL until nothing is left; longer only in uninterruptible sleep
_APPEAR_TRIES = 10  # a name is taken some moments before the container can be inspected
_APPEAR_PAUSE_S = 0.1


class Containers:
    """Makes, ends and removes containers."""

    def __init__(
        self,
        *,
        libpod: Libpod,
        inventory: Inventory,
        exits: ExitWatch,
        sweeper: Sweeper,
        stalled: StalledStarts,
        owner: str,
        abilities: Abilities,
        clock: Clock,
    ) -> None:
        self._libpod = libpod
        self._inventory = inventory
        self._exits = exits
        self._sweeper = sweeper
        self._stalled = stalled
        self._owner = owner
        self._abilities = abilities
        self._clock = clock

    async def start(self, spec: ContainerSpec, sandbox: ListedPod, *, before_start: BeforeStart | None = None) -> None:
        """Create and start it; returns when its process runs, or ran.

        Raises:
            EngineError: CreateContainerError; RunContainerError, and from then on it is observed as Exited.
            DamagedImageError: The same, because the image's files are damaged: fetch it anew.
        """
        try:
            await self._bring_up(spec, sandbox, before_start)
        except EngineError as error:
            if image_repair.tells(error.message):
                raise DamagedImageError(error.reason, error.message, retry_after=RETRY_SOON) from error
            raise

    async def _bring_up(self, spec: ContainerSpec, sandbox: ListedPod, before_start: BeforeStart | None) -> None:
        body = translate.container_body(
            spec,
            owner=self._owner,
            sandbox=sandbox.id,
            namespaces=sandbox.namespaces,
            abilities=self._abilities,
            pinned=sandbox.pinned,
        )
        if spec.pid_namespace_of:
            body["pidns"] = {"nsmode": "path", "value": await self._pid_namespace(spec)}
        with station("CreateContainerError", f"create the container {spec.name}"):
            container_id, found = await self._create(body, sandbox)
            if found is not None and found.half_started:
                found = await self._finish_start(found)
                if found is None or found.half_started:
                    container_id, found = await self._replace(container_id, body), None
        if found is not None and not found.startable:
            return  # a call before this one came further: running, or ended already
        if before_start is not None:
            await before_start()
        self._exits.forget(container_id)  # of an earlier start that failed
        cgroup_path = self._cgroup_path(container_id, sandbox)
        self._exits.watch(Subject(container_id, spec.pod.uid, spec.name, cgroup_path=cgroup_path))
        await self._start(container_id, spec.name)

    async def signal(self, container_id: str, name: str) -> None:
        """Send a signal to the main process."""
        number = signals.number(name) if name else 0
        with station("KillContainerError", f"look at the container {container_id[:12]}"):
            seen = await self._inventory.find(container_id)
        if seen is not None:
            self._exits.signal_main(container_id, number or seen.stop_signal)

    async def stop(self, container_id: str, *, grace_s: float) -> None:
        """Ask it to end, wait, and kill what is left of it.

        Raises:
            EngineError: KillContainerError: a process survives SIGKILL.
        """
        with station("KillContainerError", f"look at the container {container_id[:12]}"):
            seen = await self._inventory.find(container_id)
        if seen is None or not self._may_live(seen):
            return
        if grace_s > 0 and self._exits.signal_main(container_id, seen.stop_signal):
            await self._exits.settle(container_id, timeout_s=grace_s)
        if not self._exits.is_dead(container_id):
            self._exits.signal_main(container_id, signal.SIGKILL)
        self._exits.kill_rest(container_id)
        await self._exits.settle(container_id, timeout_s=_GONE_S)
        if not self._exits.is_dead(container_id):
            raise EngineError(
                "KillContainerError", f"cannot stop the container {container_id[:12]}: it survives SIGKILL"
            )

    async def resize(self, container_id: str, resources: Resources) -> Inspected:
        """Give it other limits, by the OCI runtime: under systemd nobody else may write them.

        Raises:
            EngineError: ResizeError.
        """
        what = f"resize the container {container_id[:12]}"
        with station("ResizeError", what):
            seen = await self._inventory.find(container_id)
            if seen is None or not self._may_live(seen):
                raise EngineError("ResizeError", f"cannot {what}: it does not run")
            body = translate.update_body(resources, self._abilities)
            await self._libpod.call("POST", f"/containers/{container_id}/update", body=body)
        return seen

    async def remove(self, container_id: str) -> None:
        """Kill and remove it; its log file stays.

        Raises:
            EngineError: KillContainerError.
        """
        what = f"remove the container {container_id[:12]}"
        with station("KillContainerError", what):
            seen = await self._inventory.find(container_id)
        if seen is None or seen.pod is None:
            return
        with self._inventory.touching(seen.pod.uid):
            await self.stop(container_id, grace_s=0)
            self._sweeper.intend(container_id, recovery.of_container(seen, group=self._own_group(seen)))
            self._inventory.doom(container_id)
            with station("KillContainerError", what):
                query = {"force": "true", "v": "true", "timeout": "0"}
                await remove_stubborn(self._libpod, f"/containers/{container_id}", query)
            self._inventory.forget(container_id)
        await self._sweeper.finish(container_id)

    async def _pid_namespace(self, spec: ContainerSpec) -> str:
        """Return the path of another container's namespace.

        Not Podman's own container:ID, which would forbid to remove the other one for as long as this one is there.
        """
        with station("CreateContainerError", f"look at the target of {spec.name}"):
            seen = await self._inventory.find(spec.pid_namespace_of)
        if seen is None or not seen.pid or not self._may_live(seen) or self._exits.is_dead(seen.id):
            raise EngineError("CreateContainerError", f"cannot create {spec.name}: its target does not run any more")
        return f"/proc/{seen.pid}/ns/pid"

    def _cgroup_path(self, container_id: str, sandbox: ListedPod) -> str:
        """Guess it from its neighbour's: one that lives for 50 ms is gone before it can be asked for."""
        if sandbox.pinned is not None:
            return pod_cgroups.of_container(sandbox.pinned.spec.cgroup_parent, container_id)
        for each in self._inventory.remembered(sandbox.pod.uid):
            if each.id == sandbox.infra_id:
                return each.cgroup_path.replace(each.id, container_id)
        return ""

    def _own_group(self, seen: Inspected) -> str:
        """Return where its group is, if its sandbox tells: of one whose start was cut off the engine does not know."""
        uid = seen.pod.uid if seen.pod else ""
        for one in self._inventory.pinned(uid):
            if one.pinned is not None and one.id == seen.pod_id:
                return pod_cgroups.of_container(one.pinned.spec.cgroup_parent, seen.id)
        for each in self._inventory.remembered(uid):
            if each.infra and each.pod_id == seen.pod_id:
                return each.cgroup_path.replace(each.id, seen.id)
        return ""

    def _may_live(self, seen: Inspected) -> bool:
        return seen.alive and self._exits.end(seen.id) is None

    async def _create(self, body: translate.Body, sandbox: ListedPod) -> tuple[str, Inspected | None]:
        """Return the id, and what is there already if an earlier call made it. Raises LibpodError."""
        try:
            return await self._post(body), None
        except LibpodError as error:
            if not is_conflict(error):
                raise
            conflict = error
        found = await self._appeared(body["name"])
        if found is not None and not self._inventory.is_ours(found):
            raise conflict
        if found is not None and found.pod_id == sandbox.id and found.status != inspection.BROKEN:
            return found.id, found
        # Storage of a creation that was killed, or an instance in a sandbox that is gone: the name is ours.
        return await self._replace(found.id if found else holder(conflict) or body["name"], body), None

    async def _replace(self, name_or_id: str, body: translate.Body) -> str:
        await remove_stubborn(self._libpod, f"/containers/{name_or_id}", {"force": "true", "timeout": "0"})
        self._inventory.forget(name_or_id)
        return await self._post(body)

    async def _finish_start(self, found: Inspected) -> Inspected | None:
        """Start one whose start was cut. It stays half-started where only the engine had died: then it runs unseen."""
        with contextlib.suppress(LibpodError):
            async with self._stalled.broken_off(found.id):
                await self._libpod.call("POST", f"/containers/{found.id}/start")
        return await self._inventory.inspect(found.id)

    async def _post(self, body: translate.Body) -> str:
        async with self._libpod.creations.one():
            reply = await self._libpod.call("POST", "/containers/create", body=body)
        return str(reply.json()["Id"])

    async def _appeared(self, name: str) -> Inspected | None:
        for _ in range(_APPEAR_TRIES):
            found = await self._inventory.inspect(name)
            if found is not None:
                return found
            await asyncio.sleep(_APPEAR_PAUSE_S)
        return None

    async def _start(self, container_id: str, name: str) -> None:
        failure: LibpodError | None = None
        try:
            async with self._stalled.broken_off(container_id):
                await self._libpod.call("POST", f"/containers/{container_id}/start")
        except LibpodError as error:
            failure = error
        with station("RunContainerError", f"inspect the container {name}"):
            seen = await self._inventory.inspect(container_id)
        if failure is None or (seen is not None and not seen.startable):
            return
        message = failure.message
        if seen is not None and failure.status != HTTPStatus.NOT_FOUND:
            self._exits.note(container_id, End(_START_FAILED, self._clock.now(), message=message))
        raise EngineError("RunContainerError", f"cannot start the container {name}: {message}") from failure
