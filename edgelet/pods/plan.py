"""The planner: what is wanted, what is there, what is known -> the steps of one round. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from edgelet.api.container import Container
from edgelet.api.pod import Pod
from edgelet.pods import (
    active_deadline,
    container_health,
    image_backoff,
    instances,
    phase,
    remember,
    resize,
    restart_all,
    restart_backoff,
    restart_policy,
    termination_order,
)
from edgelet.pods.eviction import Eviction
from edgelet.pods.instances import Instance
from edgelet.pods.memory import ImageFailed, ImageFetching, ImagePresent, ImageUnknown, Memory, Problem
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
    ResizeContainer,
    Round,
    RunPostStart,
    StartContainer,
    Step,
    Target,
)
from edgelet.ports.runtime import Created, Exited, ObservedPod, Running


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything a decision about one pod rests on. Times are monotonic seconds."""

    pod: Pod
    seen: ObservedPod | None
    memory: Memory
    now_s: float
    backoff: BackoffSettings = field(default_factory=BackoffSettings)
    rejected: bool = False  # the node does not take the pod: nothing of it may run
    ended: bool = False  # the stored status says Succeeded or Failed: there is no way back
    recursive_read_only_supported: bool = True  # by the kernel
    evicted: Eviction | None = None  # the agent itself brings the pod to its end


def plan(now: Situation) -> Round:
    """Return the next round.

    Source: Kubernetes kuberuntime_manager.go computePodActions and SyncPod, pod_workers.go for the end of a pod.
    """
    if now.pod.metadata.deletion_timestamp is not None:
        return _end(now, final=True)
    over = now.rejected or now.ended or now.evicted is not None
    if over or phase.decide(now.pod, now.seen, now.memory) in {"Succeeded", "Failed"}:
        return _end(now, final=False)
    return _before_the_deadline(now, _live(now))


def _before_the_deadline(now: Situation, round_: Round) -> Round:
    waits = (round_.wake_in_s, active_deadline.remaining_s(now.pod, now.memory, now_s=now.now_s))
    return replace(round_, wake_in_s=min((one for one in waits if one is not None), default=None))


def _end(now: Situation, *, final: bool) -> Round:
    """Stop what runs in the order of termination, then remove what the engine has; at the very end the object."""
    if stop := _stop(now, _grace_s(now)):
        return stop
    if now.seen is not None:
        return Round((RemovePod(message=""),))
    if final:
        return Round((FinishDeletion(),))
    return Round() if now.memory.volumes_gone else Round((RemoveVolumes(),))


def _stop(now: Situation, grace_s: float) -> Round | None:
    """Stop those whose turn it is, with their hooks; None where none runs.

    Source: Kubernetes kuberuntime_manager.go killPodWithSyncResult, also where only the sandbox died.
    """
    targets = termination_order.next_targets(now.pod, now.seen)
    if not targets:
        return None
    later = termination_order.later(now.seen, targets)
    return Round((KillContainers(targets, grace_s, message=_STOPPING, later=later),))


_STOPPING = "Stopping container {name}"
_HOOK_FAILED = "FailedPostStartHook"  # the kubelet's whole message
_AGAIN = ", will be restarted"
_CHANGED = "Container {name} definition changed, will be restarted"
_SANDBOX_INTERVAL_S = 5.0
_LEAST_S = 1.0
_SANDBOX_GONE = "Pod sandbox changed, it will be killed and re-created."


def _grace_s(now: Situation) -> float:
    """Return what is left of the pod's grace period. A pod that is forced to go has a second, in which hooks run.

    Source: Kubernetes pkg/kubelet/pod_workers.go calculateEffectiveGracePeriod.
    """
    metadata = now.pod.metadata
    asked = metadata.deletion_grace_period_seconds
    if asked is None and now.evicted is not None and now.evicted.grace_s is not None:
        return max(_LEAST_S, now.evicted.grace_s)
    whole = float(asked if asked is not None else now.pod.spec.termination_grace_period_seconds or 0)
    began = now.memory.deletion_started_s
    return max(_LEAST_S, whole if began is None else whole - (now.now_s - began))


def _live(now: Situation) -> Round:
    sandbox = now.seen.sandbox if now.seen else None
    if now.seen is not None and (sandbox is None or not sandbox.ready):  # half made, dead, or from before a reboot
        return _stop(now, _whole_grace_s(now.pod)) or Round((RemovePod(message=_SANDBOX_GONE),))
    if not now.memory.files_ready:
        return _held(now, now.memory.files_problem) or Round((PrepareFiles(),))
    if sandbox is None:
        return _held(now, now.memory.sandbox_problem) or _make_sandbox(now)
    return _containers(now)


def _held(now: Situation, problem: Problem | None) -> Round | None:
    """Return the wait that a failed station asks for; None when it may be tried."""
    if problem is None or problem.retry_at_s is None or problem.retry_at_s <= now.now_s:
        return None
    return Round(wake_in_s=problem.retry_at_s - now.now_s)


def _make_sandbox(now: Situation) -> Round:
    made_s = now.memory.sandbox_made_s
    if made_s is not None and made_s + _SANDBOX_INTERVAL_S > now.now_s:  # one that dies at once is no busy loop
        return Round(wake_in_s=made_s + _SANDBOX_INTERVAL_S - now.now_s)
    # The images are looked for while the sandbox is being made.
    return Round((*_first_images(now), MakeSandbox(attempt=now.memory.sandbox_attempt)))


def _first_images(now: Situation) -> tuple[Step, ...]:
    spec = now.pod.spec
    first = spec.init_containers[:1] or spec.containers
    return tuple(
        FetchImage(one.name) for one in first if isinstance(now.memory.container(one.name).image, ImageUnknown)
    )


def _containers(now: Situation) -> Round:
    if restarting := restart_all.next_round(now.pod, now.seen, now.memory):
        return restarting
    rounds = [_inits(now)] if now.pod.spec.init_containers else []
    if phase.initialized(now.pod, now.seen, now.memory):
        rounds += _apps(now)
    # At any time, also before the pod is initialized; once, whatever becomes of it.
    rounds += [_container(now, one, init=False) for one in now.pod.spec.ephemeral_containers]
    if surplus := instances.surplus(now.seen):
        rounds.append(Round((RemoveInstances(tuple(one.id for one in surplus)),)))
    waits = [one.wake_in_s for one in rounds if one.wake_in_s is not None]
    steps = tuple(step for one in rounds for step in one.steps)
    return Round(steps, wake_in_s=min(waits, default=None))


def _apps(now: Situation) -> list[Round]:
    """Go through the app containers in order; where one has a postStart hook, the next starts after it returned.

    Source: Kubernetes kuberuntime_manager.go SyncPod: startContainer returns after the hook.
    """
    rounds: list[Round] = []
    held = False
    for container in now.pod.spec.containers:
        one = _container(now, container, init=False)
        if held:
            one = replace(one, steps=tuple(step for step in one.steps if not isinstance(step, StartContainer)))
        rounds.append(one)
        held = held or _holds_the_next(now, container, one)
    return rounds


def _holds_the_next(now: Situation, container: Container, planned: Round) -> bool:
    """Whether a container with a postStart hook is about to start, or its hook is under way."""
    if container.lifecycle is None or container.lifecycle.post_start is None:
        return False
    if any(isinstance(step, StartContainer) for step in planned.steps):
        return True
    newest = instances.newest(now.seen, now.memory, container.name)
    known = now.memory.container(container.name)
    first = newest is None and known.problem is None and known.image_failure is None
    return first or container_health.hook_runs(now.memory, newest)


def _inits(now: Situation) -> Round:
    """Run init containers one at a time, in order; keep the sidecars that were reached alive.

    Source: Kubernetes kuberuntime_container.go computeInitContainerActions.
    """
    steps: list[Step] = []
    waits: list[float] = []
    for container in now.pod.spec.init_containers:
        if restart_policy.is_sidecar(container):
            one = _container(now, container, init=True)
            steps += one.steps
            waits += [one.wake_in_s] if one.wake_in_s is not None else []
            if not now.memory.initialized and not phase.sidecar_started(container, now.seen, now.memory):
                break
        elif not now.memory.initialized and not phase.init_done(now.pod, container.name, now.seen, now.memory):
            one = _container(now, container, init=True)
            steps += one.steps
            waits += [one.wake_in_s] if one.wake_in_s is not None else []
            break
    return Round(tuple(steps), wake_in_s=min(waits, default=None))


def _container(now: Situation, container: Container, *, init: bool) -> Round:
    newest = instances.newest(now.seen, now.memory, container.name)
    known = now.memory.container(container.name)
    outdated = instances.outdated(newest, container)
    changed = outdated or resize.needs_restart(container, known)
    match newest.state if newest else Created():
        case Running() if changed and newest:
            target = Target(container.name, newest.id)
            message = _CHANGED if outdated else resize.RESTARTED
            return Round((KillContainers((target,), _whole_grace_s(now.pod), message=message),))
        case Running() if newest and resize.due(container, known):
            return _held(now, known.resize_problem) or Round((ResizeContainer(container.name, newest.id),))
        case Running() if newest:
            return _running(now, container, newest, init=init)
        case Running():
            return Round()
        case Exited(exit_code=code) if not changed and not _runs_again(now, container, newest, code, init=init):
            return Round()
        case Exited() | Created():
            pass
    return _start(now, container, newest, changed=changed)


def _running(now: Situation, container: Container, newest: Instance, *, init: bool) -> Round:
    """Run the hook of a container that was just started; end one whose hook or probe failed."""
    target = Target(container.name, newest.id)
    hook = container_health.hook(now.memory, newest)
    if hook is not None and hook.state == "due":
        return Round((RunPostStart(container.name, newest.id, newest.number),))
    if hook is not None and hook.state == "failed":
        return Round((KillContainers((target,), _whole_grace_s(now.pod), message=_HOOK_FAILED),))
    failed = container_health.failed_probe(newest, now.memory)
    if failed is None:
        return Round()
    probe = container.liveness_probe if failed == "liveness" else container.startup_probe
    own_s = probe.termination_grace_period_seconds if probe else None
    grace_s = _whole_grace_s(now.pod) if own_s is None else float(own_s)
    never = (container.restart_policy or now.pod.spec.restart_policy) == "Never"
    message = f"Init container {{name}} failed {failed} probe" if init else f"Container {{name}} failed {failed} probe"
    return Round((KillContainers((target,), grace_s, message=message + ("" if init or never else _AGAIN)),))


def _runs_again(now: Situation, container: Container, newest: Instance | None, code: int, *, init: bool) -> bool:
    if now.memory.container(container.name).restart_due:
        return True
    if not init:
        return container_health.app_restarts(now.pod, container, newest, now.memory, code)
    if newest is not None and not newest.present:
        return True  # it belongs to an earlier sandbox
    return restart_policy.init_restarts(now.pod, container, code)


def _whole_grace_s(pod: Pod) -> float:
    return float(pod.spec.termination_grace_period_seconds or 0)


def _start(now: Situation, container: Container, newest: Instance | None, *, changed: bool) -> Round:
    """Start the next instance as soon as its hook, back-off, the last failure and the image allow it."""
    known = now.memory.container(container.name)
    ended_s = _ended_s(now, newest)
    if (resting := _after_hook(now, newest)) is not None:
        return resting
    if ended_s is not None and newest and not changed and not _lost(newest):
        rest = restart_backoff.remaining_s(known.backoff, ended_s=ended_s, now_s=now.now_s, settings=now.backoff)
        if rest > 0:
            return Round(wake_in_s=rest)
    return _held(now, known.problem) or _with_image(now, container, newest, ended_s)


def _with_image(now: Situation, container: Container, newest: Instance | None, ended_s: float | None) -> Round:
    """Start the next instance if its image is here, or see to it that it is."""
    known = now.memory.container(container.name)
    match known.image:
        case ImagePresent():
            number = instances.next_number(newest)
            return Round((StartContainer(container.name, instance=number, ended_s=ended_s),))
        case ImageFetching():
            return Round()
        case ImageFailed(look_at_s=at) if at > now.now_s:
            return Round(wake_in_s=image_backoff.wake_in_s(known.image, now_s=now.now_s))
        case ImageUnknown() | ImageFailed():
            return Round((FetchImage(container.name),))


def _after_hook(now: Situation, newest: Instance | None) -> Round | None:
    """Return the wait for the hook of an instance that ended; None where there is nothing to wait for."""
    if newest is not None and isinstance(newest.state, Exited) and container_health.hook_runs(now.memory, newest):
        return Round()  # it hears of the end and returns soon; the worker is woken then
    rest_s = container_health.hook_rest_s(now.memory, newest, now_s=now.now_s)
    return Round(wake_in_s=rest_s) if rest_s > 0 else None


def _ended_s(now: Situation, newest: Instance | None) -> float | None:
    """Return when the newest instance ended; None if none ever did (or it was only created)."""
    if newest is None or not isinstance(newest.state, Exited):
        return None
    seen = now.memory.exits.get(newest.id)
    return seen.at_s if seen else now.now_s


def _lost(instance: Instance) -> bool:
    return isinstance(instance.state, Exited) and instance.state.lost


def settled(now: Situation) -> bool:
    """Whether nothing is to be done and nothing runs: the pod is at its end."""
    round_ = plan(now)
    return not round_.steps and round_.wake_in_s is None and not remember.alive(now.seen)
