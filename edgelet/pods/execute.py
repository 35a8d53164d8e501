"""Doing what a round asks for, through the ports. Failures become memory and events; the planner decides what then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

from edgelet.api.container import Container
from edgelet.api.errors import EdgeletError
from edgelet.api.pod import Pod
from edgelet.pods import (
    allocation,
    pull_secrets,
    references,
    remember,
    resize,
    resize_step,
    sandbox_spec,
    termination_message,
    volumes,
)
from edgelet.pods.container_start import ContainerStart
from edgelet.pods.executor_ports import ExecutorPorts
from edgelet.pods.memory import ContainerMemory, Memory, SeenExit
from edgelet.pods.pod_events import PodEvents
from edgelet.pods.steps import (
    FetchImage,
    FinishDeletion,
    KillContainers,
    MakeSandbox,
    PrepareFiles,
    RemoveInstances,
    RemovePod,
    RemoveVolumes,
    ResetContainers,
    ResizeContainer,
    RunPostStart,
    StartContainer,
    Step,
)
from edgelet.ports.object_store import Key
from edgelet.ports.runtime import BeforeStart, Exited, ObservedPod


class Executor:
    """Carries out steps. Every one may be repeated, and broken off at any await."""

    def __init__(self, ports: ExecutorPorts) -> None:
        self._ports = ports
        self._starts = ContainerStart(ports)

    async def execute(
        self, step: Step, pod: Pod, memory: Callable[[], Memory], *, before_start: BeforeStart | None = None
    ) -> Memory:
        """Carry out one step; return the memory after it. `memory` is read when the step is done, not before.

        `before_start` is waited for between creating and starting a container.

        Raises:
            EdgeletError: Where the planner can do nothing about it: the engine is away, something cannot be removed.
        """
        after: Memory | None = None
        match step:
            case PrepareFiles() | RemoveVolumes():
                return await self._files(pod, step, memory)
            case MakeSandbox(attempt=attempt):
                return await self._make_sandbox(pod, attempt, memory)
            case StartContainer():
                return await self._starts.carry_out(pod, step, memory, before_start)
            case ResizeContainer(container=name, id=container_id):
                return await self._resize(pod, references.container(pod, name), container_id, memory)
            case RemoveInstances(ids=ids) | ResetContainers(ids=ids):
                await self._remove(ids)
                after = remember.reset(pod, memory()) if isinstance(step, ResetContainers) else None
            case RemovePod(message=message):
                return await self._remove_pod(pod, message, memory)
            case FetchImage() | FinishDeletion() | RunPostStart() | KillContainers():
                raise AssertionError(step)  # the worker's own
            case _ as never:
                assert_never(never)
        return after or memory()

    async def refresh_files(self, pod: Pod, memory: Callable[[], Memory]) -> Memory:
        """Bring changed ConfigMaps, Secrets and labels into the volumes of a running pod; have what waits try again."""
        try:
            plan = volumes.plan(
                pod, paths=self._ports.files.paths, objects=self._ports.objects, node=self._ports.node()
            )
            await self._ports.files.prepare(pod.metadata.uid, plan.payloads)
        except EdgeletError as error:
            self._ports.told(pod)(error.reason, error.message, warning=True)
        now = memory()  # images may have come meanwhile
        return replace(now, containers={name: _try_now(one) for name, one in now.containers.items()})

    async def fetch_image(self, pod: Pod, name: str, known: ContainerMemory) -> ContainerMemory:
        """Look for a container's image, pull it if its policy says so; a failure is part of what is returned."""
        told = self._ports.told(pod)
        credentials, missing = pull_secrets.credentials(pod, self._ports.objects)
        for secret in missing:
            told(
                "FailedToRetrieveImagePullSecret",
                f"Unable to retrieve some image pull secrets ({secret}); attempting to pull the image may not succeed.",
                warning=True,
            )
        return await self._ports.images.fetch(
            references.container(pod, name), known, credentials=credentials, told=told
        )

    async def read_ends(self, pod: Pod, seen: ObservedPod | None, memory: Memory, *, known: Memory) -> Memory:
        """Return the memory with the termination messages of instances whose end is news."""
        exits = dict(memory.exits)
        for one in seen.containers if seen else ():
            container = references.find_container(pod, one.name)
            if container is None or one.id in known.exits or not isinstance(one.state, Exited) or one.state.lost:
                continue
            message = await termination_message.read(
                self._ports.files,
                container,
                pod=pod,
                instance=one.instance,
                exit_code=one.state.exit_code,
                log_path=one.log_path,
            )
            exits[one.id] = SeenExit(at_s=exits[one.id].at_s, message=message)
        return replace(memory, exits=exits)

    async def forget(self, uid: str) -> None:
        """Remove everything of a pod whose object is gone.

        Raises:
            EdgeletError: Something is still there.
        """
        await self._ports.runtime.remove_pod(uid)
        await self._ports.files.remove(uid)

    async def finish_deletion(self, pod: Pod, key: Key) -> None:
        """Remove the pod's files, then its object.

        Raises:
            EdgeletError: Something is still there; the object stays until it is not.
        """
        await self._ports.files.remove(pod.metadata.uid)
        await self._ports.store.remove(key, uid=pod.metadata.uid)

    # ---- stations

    async def _files(self, pod: Pod, step: PrepareFiles | RemoveVolumes, memory: Callable[[], Memory]) -> Memory:
        files = self._ports.files
        if isinstance(step, RemoveVolumes):
            await files.remove_volumes(pod.metadata.uid)
            return replace(memory(), volumes_gone=True, files_ready=False)
        try:
            await self._user_ids(pod)
            plan = volumes.plan(
                pod,
                paths=files.paths,
                objects=self._ports.objects,
                node=self._ports.node(),
                host_bounds=self._ports.host_bounds(pod),
            )
            await files.prepare(pod.metadata.uid, plan.steps)
        except EdgeletError as error:
            self._ports.told(pod)(error.reason, error.message, warning=True)
            return replace(memory(), files_problem=self._ports.problem(error))
        return replace(memory(), files_ready=True, files_problem=None)

    async def _user_ids(self, pod: Pod) -> int:
        """Return who of the host is the pod's root where it has users of its own, else 0."""
        return 0 if pod.spec.host_users is not False else await self._ports.files.user_ids(pod.metadata.uid)

    async def _make_sandbox(self, pod: Pod, attempt: int, memory: Callable[[], Memory]) -> Memory:
        node = self._ports.node()
        told = self._ports.told(pod)
        try:
            text = await self._ports.files.resolv_conf() if sandbox_spec.needs_resolv_conf(pod, node=node) else ""
            resolved = sandbox_spec.resolve(
                pod, attempt=attempt, node=node, resolv_conf_text=text, user_ids_first=await self._user_ids(pod)
            )
            for warning in resolved.warnings:
                told("DNSConfigForming", warning, warning=True)
            await self._ports.runtime.create_sandbox(resolved.spec)
        except EdgeletError as error:
            told("FailedCreatePodSandBox", f"Failed to create pod sandbox: {error.message}", warning=True)
            return replace(memory(), sandbox_problem=self._ports.problem(error))
        made_s = self._ports.clock.monotonic_s()
        return replace(memory(), sandbox_problem=None, sandbox_made_s=made_s, initialized=False)

    async def _resize(self, pod: Pod, container: Container, container_id: str, memory: Callable[[], Memory]) -> Memory:
        runtime, node = self._ports.runtime, self._ports.node()
        try:
            await resize_step.carry_out(pod, container, container_id, runtime=runtime, node=node)
        except EdgeletError as error:
            problem = replace(self._ports.problem(error), reason="Error")
            self._ports.told(pod)("ResizeError", resize.told("error", pod, error=error.message), warning=True)
            known = replace(memory().container(container.name), resize_problem=problem)
            return memory().with_container(container.name, known)
        known = replace(memory().container(container.name), resources=container.resources, resize_problem=None)
        after = memory().with_container(container.name, known)
        if not any(resize.due(one, after.container(one.name)) for one in allocation.resizable(pod)):
            self._ports.told(pod)("ResizeCompleted", resize.told("completed", pod))
        return after

    async def _remove_pod(self, pod: Pod, message: str, memory: Callable[[], Memory]) -> Memory:
        if message:
            self._ports.told(pod)("SandboxChanged", message)
        await self._ports.runtime.remove_pod(pod.metadata.uid)
        return remember.without_sandbox(memory())

    async def _remove(self, ids: tuple[str, ...]) -> None:
        for one in ids:
            await self._ports.runtime.remove_container(one)

    # ---- bookkeeping

    def told(self, pod: Pod) -> PodEvents:
        """Return who takes the events of a pod."""
        return self._ports.told(pod)


def _try_now(known: ContainerMemory) -> ContainerMemory:
    return replace(known, problem=replace(known.problem, retry_at_s=None)) if known.problem else known
