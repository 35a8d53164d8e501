"""One container's status: what people see as Running, CrashLoopBackOff, ErrImagePull, Completed."""

from __future__ import annotations

from typing import assert_never

from edgelet.api.container import Container, VolumeMount
from edgelet.api.pod_status import (
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    ContainerUser,
    LinuxContainerUser,
    VolumeMountStatus,
)
from edgelet.pods import container_health, image_backoff, instances, phase, remember, restart_backoff, restart_policy
from edgelet.pods.instances import Instance
from edgelet.pods.memory import Memory
from edgelet.pods.plan import Situation
from edgelet.pods.spec_hash import spec_hash
from edgelet.ports.runtime import Created, Exited, ProcessUser, Running

RUNTIME = "podman"
_STOP_SIGNALS = range(129, 160)


def build(now: Situation, container: Container, *, init: bool) -> ContainerStatus:
    """Return the status of one container.

    Source: Kubernetes pkg/kubelet/kubelet_pods.go convertToAPIContainerStatuses.
    """
    newest = instances.newest(now.seen, now.memory, container.name)
    before = instances.previous(now.seen, now.memory, container.name)
    state, last = _states(now, container, newest, before, init=init)
    plain_init = init and not restart_policy.is_sidecar(container)
    running = newest is not None and isinstance(newest.state, Running)
    return ContainerStatus(
        name=container.name,
        state=state,
        last_state=last,
        ready=(_init_ready(newest) if plain_init else container_health.ready(container, newest, now.memory))
        and not now.memory.container(container.name).restart_due,
        restart_count=newest.number if newest else 0,
        image=_image(container, newest),
        image_id=newest.image_id if newest else "",
        container_id=f"{RUNTIME}://{newest.id}" if newest and newest.id else None,
        started=container_health.started(container, newest, now.memory),
        volume_mounts=tuple(
            VolumeMountStatus(
                name=one.name,
                mount_path=one.mount_path,
                read_only=one.read_only,
                recursive_read_only=_recursive_read_only(now, one),
            )
            for one in container.volume_mounts
        )
        if running
        else (),
        resources=(now.memory.container(container.name).resources or container.resources) if running else None,
        allocated_resources=dict(container.resources.requests) if running else {},
        user=_user(newest.user if newest else None),
    )


def _user(user: ProcessUser | None) -> ContainerUser | None:
    if user is None:
        return None
    return ContainerUser(linux=LinuxContainerUser(uid=user.uid, gid=user.gid, supplemental_groups=user.groups))


def _recursive_read_only(now: Situation, mount: VolumeMount) -> str | None:
    if not mount.read_only:
        return None
    asked = mount.recursive_read_only or "Disabled"
    return "Enabled" if asked != "Disabled" and now.recursive_read_only_supported else "Disabled"


def _image(container: Container, newest: Instance | None) -> str:
    """Return the name people gave the image; the engine's own where the running instance is of another one."""
    if newest is None or not newest.image or newest.spec_hash in {"", spec_hash(container)}:
        return container.image or ""
    return newest.image


def _init_ready(newest: Instance | None) -> bool:
    return newest is not None and isinstance(newest.state, Exited) and newest.state.exit_code == 0


def _states(
    now: Situation, container: Container, newest: Instance | None, before: Instance | None, *, init: bool
) -> tuple[ContainerState, ContainerState]:
    last = ContainerState(terminated=_terminated(before, now.memory)) if before else ContainerState()
    match newest.state if newest else Created():
        case Running() if container_health.hook(now.memory, newest):
            return ContainerState(waiting=_waiting(now, container)), last  # it counts as started after its hook
        case Running(started_at=started_at):
            return ContainerState(running=ContainerStateRunning(started_at=started_at)), last
        case Created():
            return ContainerState(waiting=_waiting(now, container)), last
        case Exited(exit_code=code) if newest:
            ended = ContainerState(terminated=_terminated(newest, now.memory))
            if not _comes_back(now, container, newest, code, init=init):
                return ended, last
            held = _held(now, container, newest)
            return (ContainerState(waiting=held), ended) if held else (ended, last)
        case Exited() as never_without_instance:
            raise AssertionError(never_without_instance)
        case _ as never:
            assert_never(never)


def _comes_back(now: Situation, container: Container, newest: Instance, code: int, *, init: bool) -> bool:
    if now.ended or now.rejected or now.evicted or now.pod.metadata.deletion_timestamp is not None:
        return False
    if now.memory.container(container.name).restart_due:
        return True
    if init:
        done = now.memory.initialized and not restart_policy.is_sidecar(container)
        return not done and (not newest.present or restart_policy.init_restarts(now.pod, container, code))
    return container_health.app_restarts(now.pod, container, newest, now.memory, code)


def _held(now: Situation, container: Container, newest: Instance) -> ContainerStateWaiting | None:
    """Return why an ended container is not back yet; None while it is simply about to start."""
    known = now.memory.container(container.name)
    problem = _problem(now, container)
    hook_failed = container_health.hook(now.memory, newest) is not None
    if problem is not None and not (hook_failed and problem.reason == container_health.HOOK_ERROR):
        return problem
    if problem is not None and container_health.hook_rest_s(now.memory, newest, now_s=now.now_s) > 0:
        return problem
    seen = now.memory.exits.get(newest.id)
    if known.restart_due:
        return _backing_off(now, container, newest) or ContainerStateWaiting(reason=remember.RESTARTING_ALL)
    if not newest.present and phase.decide(now.pod, now.seen, now.memory) != "Failed":
        return ContainerStateWaiting(reason=_idle_reason(now))
    if seen is None or (isinstance(newest.state, Exited) and newest.state.lost):
        return None
    return _backing_off(now, container, newest)


def _backing_off(now: Situation, container: Container, newest: Instance) -> ContainerStateWaiting | None:
    known, seen = now.memory.container(container.name), now.memory.exits.get(newest.id)
    if known.backoff is None or seen is None:
        return None
    rest = restart_backoff.remaining_s(known.backoff, ended_s=seen.at_s, now_s=now.now_s, settings=now.backoff)
    if rest <= 0:
        return None
    return ContainerStateWaiting(reason="CrashLoopBackOff", message=backoff_message(now, container))


def backoff_message(now: Situation, container: Container) -> str:
    """Return the kubelet's words for a container that is held back."""
    known = now.memory.container(container.name).backoff
    delay = go_duration(known.delay_s if known else 0.0)
    metadata = now.pod.metadata
    who = f"{metadata.name}_{metadata.namespace}({metadata.uid})"
    return f"back-off {delay} restarting failed container={container.name} pod={who}"


def go_duration(seconds: float) -> str:
    """Return Go's way of writing a duration of whole seconds: 10s, 1m20s, 5m0s."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def _waiting(now: Situation, container: Container) -> ContainerStateWaiting:
    return _problem(now, container) or ContainerStateWaiting(reason=_idle_reason(now))


def _idle_reason(now: Situation) -> str:
    return "PodInitializing" if now.pod.spec.init_containers else "ContainerCreating"


def _problem(now: Situation, container: Container) -> ContainerStateWaiting | None:
    known = now.memory.container(container.name)
    if (failure := known.image_failure) is not None:
        image = failure.volume_image or container.image or ""
        reason, message = image_backoff.shown(failure, image=image, now_s=now.now_s)
        return ContainerStateWaiting(reason=reason, message=message)
    if known.problem is not None:
        return ContainerStateWaiting(reason=known.problem.reason, message=known.problem.message)
    return None


def _terminated(instance: Instance | None, memory: Memory) -> ContainerStateTerminated | None:
    if instance is None or not isinstance(instance.state, Exited):
        return None
    state = instance.state
    seen = memory.exits.get(instance.id)
    return ContainerStateTerminated(
        exit_code=state.exit_code,
        reason=_reason(instance, state),
        message=(seen.message if seen and seen.message else state.message) or None,
        started_at=state.started_at,
        finished_at=state.finished_at,
        container_id=f"{RUNTIME}://{instance.id}" if instance.id else None,
    )


def _reason(instance: Instance, state: Exited) -> str:
    if state.lost and not instance.present:
        return "ContainerStatusUnknown"
    if state.oom_killed:
        return "OOMKilled"
    if state.message and state.started_at is None:
        return "StartError"
    return "Completed" if state.exit_code == 0 else "Error"
