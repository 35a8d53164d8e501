"""The start of one container: its needs are resolved, the engine makes it, a failure becomes memory and events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

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
    restart_backoff,
    start_sources,
    volumes,
)
from edgelet.pods.executor_ports import ExecutorPorts
from edgelet.pods.memory import ImagePresent, ImageUnknown, Memory
from edgelet.pods.steps import StartContainer
from edgelet.ports.object_store import Key
from edgelet.ports.runtime import BeforeStart, ContainerSpec


class ContainerStart:
    """Starts containers of every pod. It may be broken off at any await, and repeated."""

    def __init__(self, ports: ExecutorPorts) -> None:
        self._ports = ports

    async def carry_out(
        self, pod: Pod, step: StartContainer, memory: Callable[[], Memory], before_start: BeforeStart | None
    ) -> Memory:
        """Resolve, create and start an instance; return the memory after it. A failure is part of what is returned.

        `before_start` is waited for between creating and starting it.
        """
        container = references.container(pod, step.container)
        known = memory().container(container.name)
        if not isinstance(known.image, ImagePresent):
            return memory()  # it was forgotten meanwhile: the next round looks again
        backoff = known.backoff
        if step.ended_s is not None:
            now_s = self._ports.clock.monotonic_s()
            backoff = restart_backoff.advance(backoff, ended_s=step.ended_s, now_s=now_s, settings=self._ports.backoff)
        told = self._ports.told(pod)
        try:
            spec = await self._resolve(pod, container, step, known.image, backoff, memory())
            await self._ports.runtime.start_container(spec, before_start=before_start)
        except start_sources.VolumeImageError as error:
            return remember.without_volume_image(memory(), container.name, error.failed)
        except EdgeletError as error:
            told("Failed", f"Error: {error.message}", container=container.name, warning=True)
            if isinstance(error, DamagedImageError) and await self._repaired(pod, container, error):
                return memory().with_container(container.name, replace(known, image=ImageUnknown(), problem=None))
            after = replace(known, image=ImageUnknown(), problem=self._ports.problem(error), backoff=known.backoff)
            if error.reason == "RunContainerError":  # the instance is there and ended: back-off counts
                after = replace(after, problem=None, backoff=backoff)
            return memory().with_container(container.name, after)
        told("Created", f"Container created: {container.name}", container=container.name)
        told("Started", f"Container started: {container.name}", container=container.name)
        given = container.resources
        known = replace(
            known, image=ImageUnknown(), problem=None, backoff=backoff, resources=given, resize_problem=None
        )
        here = remember.with_volume_images(memory(), pod, container)
        return here.with_container(container.name, replace(known, restart_due=False))

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
        bounds = ports.host_bounds(pod)
        own = volumes.places(pod, paths=ports.files.paths, host_bounds=bounds)
        places = own | await start_sources.image_places(
            pod,
            container,
            images=ports.images,
            files=ports.files,
            objects=ports.objects,
            told=self._ports.told(pod),
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
        bounded = volumes.bounded(pod, container, bounds)
        await ports.files.prepare(pod.metadata.uid, (*bounded, *resolved.steps))
        if not pid_target.wanted(container):
            return resolved.spec
        target = pid_target.find(container, await ports.runtime.pod(pod.metadata.uid))
        return replace(resolved.spec, pid_namespace_of=target)

    async def _repaired(self, pod: Pod, container: Container, damage: DamagedImageError) -> bool:
        credentials, _ = pull_secrets.credentials(pod, self._ports.objects)
        return await self._ports.images.repair(container, damage, credentials=credentials, told=self._ports.told(pod))

    def _stored_spec(self, pod: Pod) -> object:
        stored = self._ports.store.get(Key("Pod", pod.metadata.namespace, pod.metadata.name))
        return stored.document.get("spec") if stored and stored.uid == pod.metadata.uid else None
