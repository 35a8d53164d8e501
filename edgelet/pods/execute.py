"""Doing what a round asks for, through the ports. Failures become memory and events; the planner decides what then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import assert_never

from edgelet.api.container import Container
from edgelet.api.errors import DamagedImageError, EdgeletError
from edgelet.api.pod import Pod
from edgelet.pods import (
    adoption,
    allocation,
    container_spec,
    environment,
    pid_target,
    pull_secrets,
    references,
    remember,
    resize,
    resize_step,
    restart_backoff,
    sandbox_spec,
    start_sources,
    termination_message,
    volumes,
)
from edgelet.pods.image_fetch import ImageFetch
from edgelet.pods.memory import ContainerMemory, ImagePresent, ImageUnknown, Memory, Problem, SeenExit
from edgelet.pods.node_facts import NodeFacts
from edgelet.pods.pod_events import PodEvents
from edgelet.pods.references import Objects
from edgelet.pods.restart_backoff import BackoffSettings
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
from edgelet.ports.clock import Clock
from edgelet.ports.events import EventSink
from edgelet.ports.object_store import Key, ObjectStore
from edgelet.ports.pod_files import PodFiles
from edgelet.ports.runtime import BeforeStart, ContainerSpec, Exited, ObservedPod, Runtime

_RETRY = timedelta(seconds=10)  # kubelet: backOffPeriod of a pod that failed to sync
_NOT_BY_TIME = frozenset({"CreateContainerConfigError", "FailedMount"})


@dataclass(frozen=True, slots=True)
class ExecutorPorts:
    """What steps are carried out with."""

    store: ObjectStore
    runtime: Runtime
    files: PodFiles
    images: ImageFetch
    events: EventSink
    objects: Objects
    clock: Clock
    node: Callable[[], NodeFacts]
    backoff: BackoffSettings
    host_bounds: Callable[[Pod], volumes.HostBounds] = lambda _: {}  # by the board's policy


class Executor:
    """Carries out steps. Every one may be repeated, and broken off at any await."""

    def __init__(self, ports: ExecutorPorts) -> None:
        self._ports = ports

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
                return await self._start(pod, step, memory, before_start)
            case ResizeContainer(container=name, id=container_id):
                return await self._resize(pod, _container(pod, name), container_id, memory)
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
            self._told(pod)(error.reason, error.message, warning=True)
        now = memory()  # images may have come meanwhile
        return replace(now, containers={name: _try_now(one) for name, one in now.containers.items()})

    async def fetch_image(self, pod: Pod, name: str, known: ContainerMemory) -> ContainerMemory:
        """Look for a container's image, pull it if its policy says so; a failure is part of what is returned."""
        told = self._told(pod)
        credentials, missing = pull_secrets.credentials(pod, self._ports.objects)
        for secret in missing:
            told(
                "FailedToRetrieveImagePullSecret",
                f"Unable to retrieve some image pull secrets ({secret}); attempting to pull the image may not succeed.",
                warning=True,
            )
        return await self._ports.images.fetch(_container(pod, name), known, credentials=credentials, told=told)

    async def read_ends(self, pod: Pod, seen: ObservedPod | None, memory: Memory, *, known: Memory) -> Memory:
        """Return the memory with the termination messages of instances whose end is news."""
        exits = dict(memory.exits)
        for one in seen.containers if seen else ():
            container = _find(pod, one.name)
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
            self._told(pod)(error.reason, error.message, warning=True)
            return replace(memory(), files_problem=self._problem(error))
        return replace(memory(), files_ready=True, files_problem=None)

    async def _user_ids(self, pod: Pod) -> int:
        """Return who of the host is the pod's root where it has users of its own, else 0."""
        return 0 if pod.spec.host_users is not False else await self._ports.files.user_ids(pod.metadata.uid)

    async def _make_sandbox(self, pod: Pod, attempt: int, memory: Callable[[], Memory]) -> Memory:
        node = self._ports.node()
        told = self._told(pod)
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
            return replace(memory(), sandbox_problem=self._problem(error))
        made_s = self._ports.clock.monotonic_s()
        return replace(memory(), sandbox_problem=None, sandbox_made_s=made_s, initialized=False)

    async def _start(
        self, pod: Pod, step: StartContainer, memory: Callable[[], Memory], before_start: BeforeStart | None
    ) -> Memory:
        container = _container(pod, step.container)
        known = memory().container(container.name)
        if not isinstance(known.image, ImagePresent):
            return memory()  # it was forgotten meanwhile: the next round looks again
        backoff = known.backoff
        if step.ended_s is not None:
            now_s = self._ports.clock.monotonic_s()
            backoff = restart_backoff.advance(backoff, ended_s=step.ended_s, now_s=now_s, settings=self._ports.backoff)
        told = self._told(pod)
        try:
            spec = await self._resolve(pod, container, step, known.image, backoff, memory())
            await self._ports.runtime.start_container(spec, before_start=before_start)
        except start_sources.VolumeImageError as error:
            return remember.without_volume_image(memory(), container.name, error.failed)
        except EdgeletError as error:
            told("Failed", f"Error: {error.message}", container=container.name, warning=True)
            if isinstance(error, DamagedImageError) and await self._repaired(pod, container, error):
                return _with(memory(), container.name, replace(known, image=ImageUnknown(), problem=None))
            after = replace(known, image=ImageUnknown(), problem=self._problem(error), backoff=known.backoff)
            if error.reason == "RunContainerError":  # the instance is there and ended: back-off counts
                after = replace(after, problem=None, backoff=backoff)
            return _with(memory(), container.name, after)
        told("Created", f"Container created: {container.name}", container=container.name)
        told("Started", f"Container started: {container.name}", container=container.name)
        given = container.resources
        known = replace(
            known, image=ImageUnknown(), problem=None, backoff=backoff, resources=given, resize_problem=None
        )
        here = remember.with_volume_images(memory(), pod, container)
        return _with(here, container.name, replace(known, restart_due=False))

    async def _resize(self, pod: Pod, container: Container, container_id: str, memory: Callable[[], Memory]) -> Memory:
        runtime, node = self._ports.runtime, self._ports.node()
        try:
            await resize_step.carry_out(pod, container, container_id, runtime=runtime, node=node)
        except EdgeletError as error:
            problem = replace(self._problem(error), reason="Error")
            self._told(pod)("ResizeError", resize.told("error", pod, error=error.message), warning=True)
            known = replace(memory().container(container.name), resize_problem=problem)
            return _with(memory(), container.name, known)
        known = replace(memory().container(container.name), resources=container.resources, resize_problem=None)
        after = _with(memory(), container.name, known)
        if not any(resize.due(one, after.container(one.name)) for one in allocation.resizable(pod)):
            self._told(pod)("ResizeCompleted", resize.told("completed", pod))
        return after

    async def _resolve(  # noqa: PLR0917  one call, one place
        self,
        pod: Pod,
        container: Container,
        step: StartContainer,
        image: ImagePresent,
        backoff: restart_backoff.Entry | None,
        memory: Memory,
    ) -> ContainerSpec:
        ports, pod_ips = self._ports, memory.ips
        node = ports.node()
        if pod.spec.host_network:
            pod_ips = node.host_ips
        places = volumes.places(pod, paths=ports.files.paths) | await start_sources.image_places(
            pod,
            container,
            images=ports.images,
            files=ports.files,
            objects=ports.objects,
            told=self._told(pod),
            known=memory.volume_images,
        )
        files = await start_sources.env_files(container, places, files=ports.files)
        env = environment.build(container, pod, objects=ports.objects, pod_ips=pod_ips, node=node, env_files=files)
        resolved = container_spec.resolve(
            pod,
            container,
            instance=step.instance,
            image=image.image,
            env=env,
            volumes=places,
            pod_ips=pod_ips,
            paths=ports.files.paths,
            node=node,
            image_groups=await start_sources.image_groups(pod, container, image.image, files=ports.files),
            labels={
                **({remember.BACKOFF_LABEL: f"{backoff.delay_s:g}"} if backoff else {}),
                remember.RESOURCES_LABEL: allocation.label(container.resources),
                adoption.SPEC_LABEL: adoption.spec_digest(self._stored_spec(pod)),
            },
        )
        bounded = volumes.bounded(pod, container, ports.host_bounds(pod))
        await ports.files.prepare(pod.metadata.uid, (*bounded, *resolved.steps))
        if not pid_target.wanted(container):
            return resolved.spec
        target = pid_target.find(container, await ports.runtime.pod(pod.metadata.uid))
        return replace(resolved.spec, pid_namespace_of=target)

    async def _repaired(self, pod: Pod, container: Container, damage: DamagedImageError) -> bool:
        credentials, _ = pull_secrets.credentials(pod, self._ports.objects)
        return await self._ports.images.repair(container, damage, credentials=credentials, told=self._told(pod))

    def _stored_spec(self, pod: Pod) -> object:
        stored = self._ports.store.get(Key("Pod", pod.metadata.namespace, pod.metadata.name))
        return stored.document.get("spec") if stored and stored.uid == pod.metadata.uid else None

    async def _remove_pod(self, pod: Pod, message: str, memory: Callable[[], Memory]) -> Memory:
        if message:
            self._told(pod)("SandboxChanged", message)
        await self._ports.runtime.remove_pod(pod.metadata.uid)
        return remember.without_sandbox(memory())

    async def _remove(self, ids: tuple[str, ...]) -> None:
        for one in ids:
            await self._ports.runtime.remove_container(one)

    # ---- bookkeeping

    def told(self, pod: Pod) -> PodEvents:
        """Return who takes the events of a pod."""
        return self._told(pod)

    def _told(self, pod: Pod) -> PodEvents:
        return PodEvents(self._ports.events, pod)

    def _problem(self, error: EdgeletError) -> Problem:
        wait = error.retry_after or _RETRY
        by_time = error.retry_after is not None or error.reason not in _NOT_BY_TIME
        # A missing object wakes the pod when it comes; the slow retry is for what nobody tells about (hostPath).
        wait_s = wait.total_seconds() * (1 if by_time else 3)
        return Problem(error.reason, error.message, retry_at_s=self._ports.clock.monotonic_s() + wait_s)


def _try_now(known: ContainerMemory) -> ContainerMemory:
    return replace(known, problem=replace(known.problem, retry_at_s=None)) if known.problem else known


def _with(memory: Memory, name: str, known: ContainerMemory) -> Memory:
    return replace(memory, containers={**memory.containers, name: known})


def _container(pod: Pod, name: str) -> Container:
    found = _find(pod, name)
    if found is None:
        raise AssertionError(f"the plan names container {name}, which the pod does not have")
    return found


def _find(pod: Pod, name: str) -> Container | None:
    return next((one for one in references.every_container(pod) if one.name == name), None)
