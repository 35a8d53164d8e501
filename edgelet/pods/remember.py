"""Taking a look into memory: pure bookkeeping after every observation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from edgelet.api.container import Container, ResourceRequirements
from edgelet.api.pod import Pod
from edgelet.api.pod_status import ContainerStateTerminated, PodStatus
from edgelet.pods import allocation, image_volumes, instances, phase, references
from edgelet.pods.instances import Instance
from edgelet.pods.memory import ContainerMemory, ImageFailed, ImageUnknown, LastInstance, Memory, ProbeResults, SeenExit
from edgelet.pods.restart_backoff import Entry
from edgelet.ports.runtime import Exited, ObservedContainer, ObservedPod, Running

RESOURCES_LABEL = "io.edgelet.container.resources"  # cpu and memory that an instance was made to
RESTARTING_ALL = "RestartingAllContainers"  # why a container waits, in a status
# Not below "edgelet.": those labels are the engine adapter's own, and do not come back from it.
BACKOFF_LABEL = "io.edgelet.container.backoff-s"  # on each instance: the wait before the next one


def look(pod: Pod, seen: ObservedPod | None, memory: Memory, *, now: datetime, now_s: float) -> Memory:
    """Return the memory after seeing this.

    Ends are given a monotonic time: the age by the wall clock where that is sane, else the moment of this look.
    """
    containers = {
        name: _container(name, seen, memory, now=now, now_s=now_s)
        for name in [one.name for one in references.every_container(pod)]
    }
    found = seen.containers if seen else ()
    exits = {
        one.id: memory.exits.get(one.id) or SeenExit(at_s=_ended_s(one.state, now=now, now_s=now_s))
        for one in found
        if isinstance(one.state, Exited)
    }
    kept = {one.last.id for one in containers.values() if one.last} - exits.keys()
    exits |= {one: memory.exits[one] for one in kept if one in memory.exits}
    sandbox = seen.sandbox if seen else None
    after = replace(
        memory,
        containers=containers,
        exits=exits,
        probes=_probes_of(found, containers, memory),
        sandbox_attempt=max(memory.sandbox_attempt, sandbox.attempt + 1) if sandbox else memory.sandbox_attempt,
        ips=sandbox.ips if sandbox and sandbox.ready and sandbox.ips else memory.ips,
    )
    return replace(after, initialized=_initialized(pod, seen, after))


def _probes_of(
    found: Iterable[ObservedContainer], containers: Mapping[str, ContainerMemory], memory: Memory
) -> Mapping[str, ProbeResults]:
    if not memory.probes:
        return memory.probes
    there = {one.id for one in found} | {one.last.id for one in containers.values() if one.last}
    return {container_id: known for container_id, known in memory.probes.items() if container_id in there}


def without_sandbox(memory: Memory) -> Memory:
    """Return the memory after everything of the pod was removed from the engine: init containers run again."""
    containers = {
        name: replace(one, last=_ended(one.last) if one.last else None) for name, one in memory.containers.items()
    }
    return replace(memory, containers=containers, initialized=False)


def without_volume_image(memory: Memory, container: str, failed: ImageFailed) -> Memory:
    """Return the memory after the image of a volume could not be had: its container waits as for its own."""
    known = replace(memory.container(container), image=failed, problem=None)
    return replace(
        memory,
        containers={**memory.containers, container: known},
        volume_images={**memory.volume_images, failed.volume_image: failed},
    )


def with_volume_images(memory: Memory, pod: Pod, container: Container) -> Memory:
    """Return the memory after every image that a container mounts was here."""
    here = {source.reference for _, source in image_volumes.of_container(pod, container)}
    if not here & memory.volume_images.keys():
        return memory
    return replace(memory, volume_images={one: it for one, it in memory.volume_images.items() if one not in here})


def reset(pod: Pod, memory: Memory) -> Memory:
    """Return the memory after every container of the pod was removed to begin anew."""
    names = {one.name for one in references.containers(pod)}
    containers = {
        name: replace(one, last=_ended(one.last), restart_due=True) if one.last and name in names else one
        for name, one in memory.containers.items()
    }
    return replace(memory, containers=containers, initialized=False)


def change(memory: Memory, before: Pod, after: Pod) -> Memory:
    """Return the memory after a change of the pod: of a new specification nothing is known of images or files."""
    if after.spec == before.spec:
        return memory
    memory = replace(memory, containers={name: _without_image(one) for name, one in memory.containers.items()})
    if references.mounted_volumes(after) == references.mounted_volumes(before):
        return memory
    return replace(memory, files_ready=False, files_problem=None)


def _without_image(known: ContainerMemory) -> ContainerMemory:
    return replace(known, image=ImageUnknown(), pull_delay_s=0.0, problem=None, resize_problem=None)


def _initialized(pod: Pod, seen: ObservedPod | None, memory: Memory) -> bool:
    if memory.initialized:
        return True
    apps = {one.name for one in pod.spec.containers}
    if any(one.name in apps for one in (seen.containers if seen else ())):
        return True  # an app container was made in this sandbox: the init containers were done then
    return phase.initialized(pod, seen, memory)


def _container(name: str, seen: ObservedPod | None, memory: Memory, *, now: datetime, now_s: float) -> ContainerMemory:
    before = memory.container(name)
    newest = instances.newest(seen, memory, name)
    if newest is None or not newest.present:
        return before
    last = instances.remembered(newest)
    earlier = before.last if before.last and before.last.number < last.number else before.previous
    backoff = before.backoff
    if backoff is None and (one := _observed(seen, newest.id)):
        backoff = _from_label(one.labels, newest.started_at or one.created_at, now=now, now_s=now_s)
    resources = _made_to(before, newest, _observed(seen, newest.id))
    outlived = newest.number if _outlives_sandbox(seen, newest) else before.outlived_sandbox
    return replace(before, last=last, previous=earlier, backoff=backoff, resources=resources, outlived_sandbox=outlived)


def _outlives_sandbox(seen: ObservedPod | None, newest: Instance) -> bool:
    if seen is None or not isinstance(newest.state, Running):
        return False
    return seen.sandbox is None or not seen.sandbox.ready


def _made_to(
    before: ContainerMemory, newest: Instance, observed: ObservedContainer | None
) -> ResourceRequirements | None:
    """Return what the newest instance has: as remembered, else what it was made to, where that start was cut off."""
    is_new = before.last is None or before.last.id != newest.id
    if not isinstance(newest.state, Running) or observed is None or not (is_new or before.resources is None):
        return before.resources
    return allocation.from_label(observed.labels.get(RESOURCES_LABEL))


def _observed(seen: ObservedPod | None, container_id: str) -> ObservedContainer | None:
    return next((one for one in (seen.containers if seen else ()) if one.id == container_id), None)


def _from_label(labels: Mapping[str, str], started: datetime, *, now: datetime, now_s: float) -> Entry | None:
    """Take up the back-off of an instance that another run of the agent started."""
    try:
        delay_s = float(labels.get(BACKOFF_LABEL, ""))
    except ValueError:
        return None
    return Entry(delay_s=delay_s, started_s=now_s - max(0.0, (now - started).total_seconds()))


def _ended_s(state: Exited, *, now: datetime, now_s: float) -> float:
    if state.finished_at is None:
        return now_s
    return now_s - max(0.0, (now - state.finished_at).total_seconds())


def _ended(last: LastInstance) -> LastInstance:
    if last.ended is not None:
        return last
    lost = Exited(exit_code=instances.LOST_EXIT_CODE, started_at=last.started_at, finished_at=None, lost=True)
    return replace(last, ended=lost)


def alive(seen: ObservedPod | None) -> bool:
    """Whether any container of the pod runs."""
    return any(isinstance(one.state, Running) for one in (seen.containers if seen else ()))


def from_status(status: PodStatus) -> Memory:
    """Return what the stored status tells a worker that begins: restart counts and ends from before.

    The engine's own word, where it has one, is newer and wins at the first look. What probes had decided of an instance
    that still runs holds until they decide anew.

    Source: Kubernetes since 1.35 (KEP-4781): a restart of the kubelet changes neither started nor ready.
    """
    containers = {}
    probes = {}
    for one in (*status.init_container_statuses, *status.container_statuses, *status.ephemeral_container_statuses):
        state = one.state.terminated or one.last_state.terminated
        if one.container_id is None and one.restart_count == 0 and state is None:
            continue  # it never was
        ended = one.state.terminated or (one.last_state.terminated if one.state.waiting else None)
        started = one.state.running.started_at if one.state.running else ended.started_at if ended else None
        last = LastInstance(
            number=one.restart_count,
            id=(one.container_id or "").partition("://")[2],
            image=one.image,
            image_id=one.image_id,
            spec_hash="",
            ended=_exited(ended) if ended else None,
            started_at=started,
        )
        containers[one.name] = ContainerMemory(
            last=last,
            resources=one.resources if one.state.running else None,
            restart_due=one.state.waiting is not None and one.state.waiting.reason == RESTARTING_ALL,
        )
        if one.state.running and last.id:
            probes[last.id] = ProbeResults(startup=one.started or None, readiness=one.ready or None)
    ips = tuple(one.ip for one in status.pod_ips)
    return Memory(containers=containers, probes=probes, ips=ips, allocated=_allocated(status))


def _allocated(status: PodStatus) -> dict[str, ResourceRequirements]:
    """Return what the containers had been given: a resize that waits must not be taken for granted by a restart."""
    statuses = (*status.init_container_statuses, *status.container_statuses)
    return {
        one.name: ResourceRequirements(requests=one.allocated_resources, limits=one.resources.limits)
        for one in statuses
        if one.resources is not None
    }


def _exited(ended: ContainerStateTerminated) -> Exited:
    return Exited(
        exit_code=ended.exit_code,
        started_at=ended.started_at,
        finished_at=ended.finished_at,
        oom_killed=ended.reason == "OOMKilled",
        message=ended.message or "",
    )
