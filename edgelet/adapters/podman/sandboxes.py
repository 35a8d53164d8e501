"""Both kinds of sandbox behind one face: which one a pod gets, and whose one is that is there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

from edgelet.adapters.podman.inspection import ListedPod
from edgelet.adapters.podman.inventory import Inventory
from edgelet.adapters.podman.pod_cgroups import PodCgroups
from edgelet.adapters.podman.station import station
from edgelet.ports.pinned_sandboxes import PinnedSandboxes
from edgelet.ports.runtime import SandboxSpec


class Sandboxes(Protocol):
    """One kind of sandbox."""

    async def create(self, spec: SandboxSpec) -> None:
        """Make it, or keep the one of this attempt that is up. Raises EngineError (FailedCreatePodSandBox)."""
        ...

    async def newest(self, uid: str) -> ListedPod | None:
        """Return the newest one of a pod. Raises LibpodError."""
        ...

    async def is_up(self, sandbox: ListedPod) -> bool:
        """Whether containers may be started in it. Raises EngineError."""
        ...

    async def remove(self, sandbox: ListedPod) -> None:
        """Remove it with the containers in it, and what they leave. Raises EngineError (KillPodSandboxError)."""
        ...


class NamespaceSandbox:
    """Sandboxes without an infra container; satisfies Sandboxes.

    Args:
        kept: Their keeper.
        inventory: What else is there.
        cgroups: A group for each pod.
        remove_container: Removes one container by its id.
    """

    def __init__(
        self,
        *,
        kept: PinnedSandboxes,
        inventory: Inventory,
        cgroups: PodCgroups,
        remove_container: Callable[[str], Awaitable[None]],
    ) -> None:
        self._kept = kept
        self._inventory = inventory
        self._cgroups = cgroups
        self._remove_container = remove_container

    async def create(self, spec: SandboxSpec) -> None:
        for old in self._inventory.pinned(spec.pod.uid):
            if old.attempt != spec.attempt or not await self.is_up(old):
                await self.remove(old)
        placed = replace(spec, cgroup_parent=self._cgroups.parent(spec))
        self._cgroups.prepare(placed, (each.spec for each in self._kept.look()))
        try:
            await self._kept.create(placed, taken=self._inventory.addresses())
        except BaseException:
            if not self._kept.look(spec.pod.uid):  # else whoever removes the rest of it removes the group
                self._cgroups.abandon(spec.pod.uid)
            raise

    def keeps_limits(self, spec: SandboxSpec) -> bool:
        """Whether the pod's own group can have limits here."""
        return self._cgroups.keeps_limits(spec)

    async def newest(self, uid: str) -> ListedPod | None:
        """Return it without asking the engine."""
        found = self._inventory.pinned(uid)
        return found[-1] if found else None

    async def is_up(self, sandbox: ListedPod) -> bool:
        return sandbox.pinned is not None and sandbox.pinned.ready

    async def remove(self, sandbox: ListedPod) -> None:
        uid = sandbox.pod.uid
        with station("KillPodSandboxError", f"look into the sandbox {sandbox.name}"):
            inside = [each for each in await self._inventory.containers(uid) if each.pod_id == sandbox.id]
        await asyncio.gather(*(self._remove_container(each.id) for each in inside))
        await self._kept.remove(sandbox.id)
        await self._cgroups.remove(uid)


class EitherSandbox:
    """Chooses: namespaces where they do, the infra container where it takes a process to hold a PID or user namespace.

    Satisfies Sandboxes. Whatever is there already is seen and removed, also when the setting has changed since.
    """

    def __init__(self, *, infra: Sandboxes, namespaces: NamespaceSandbox, prefer_namespaces: bool) -> None:
        self._infra = infra
        self._namespaces = namespaces
        self._prefer = prefer_namespaces

    async def create(self, spec: SandboxSpec) -> None:
        apart = self._prefer and (not spec.share_process_namespace or spec.host_pid) and not spec.user_ids_first
        if spec.cpu_quota_us or spec.memory_limit_bytes:
            apart = apart and self._namespaces.keeps_limits(spec)
        wanted, other = (self._namespaces, self._infra) if apart else (self._infra, self._namespaces)
        with station("FailedCreatePodSandBox", f"look for sandboxes of {spec.pod.name}"):
            old = await other.newest(spec.pod.uid)
        if old is not None:
            await other.remove(old)
        await wanted.create(spec)

    async def newest(self, uid: str) -> ListedPod | None:
        return await self._namespaces.newest(uid) or await self._infra.newest(uid)

    async def is_up(self, sandbox: ListedPod) -> bool:
        return await self._of(sandbox).is_up(sandbox)

    async def remove(self, sandbox: ListedPod) -> None:
        await self._of(sandbox).remove(sandbox)

    def _of(self, sandbox: ListedPod) -> Sandboxes:
        return self._infra if sandbox.pinned is None else self._namespaces
