"""The phase of a pod, from what its containers did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, assert_never

from edgelet.api.container import Container
from edgelet.api.pod import Pod
from edgelet.pods import container_health, instances, resize, restart_policy
from edgelet.pods.instances import Instance
from edgelet.pods.memory import Memory
from edgelet.ports.runtime import Created, Exited, ObservedPod, Running

Phase = Literal["Pending", "Running", "Succeeded", "Failed"]


@dataclass(frozen=True, slots=True)
class Count:
    """How many app containers are where."""

    running: int = 0
    waiting: int = 0  # never ran yet
    restarting: int = 0  # ended, and will start again
    succeeded: int = 0
    failed: int = 0


def initialized(pod: Pod, seen: ObservedPod | None, memory: Memory) -> bool:
    """Whether every init container is done, and every sidecar started, in the present sandbox."""
    if memory.initialized:
        return True
    return all(
        init_done(pod, one.name, seen, memory) for one in pod.spec.init_containers if not restart_policy.is_sidecar(one)
    ) and all(sidecar_started(one, seen, memory) for one in pod.spec.init_containers if restart_policy.is_sidecar(one))


def init_done(pod: Pod, name: str, seen: ObservedPod | None, memory: Memory) -> bool:  # noqa: ARG001  one shape
    """Whether a plain init container ended with 0 since the present sandbox was made."""
    newest = instances.newest(seen, memory, name)
    return newest is not None and newest.present and isinstance(newest.state, Exited) and newest.state.exit_code == 0


def sidecar_started(container: Container, seen: ObservedPod | None, memory: Memory) -> bool:
    """Whether a sidecar runs, its postStart hook returned and its startup probe succeeded."""
    return container_health.started(container, instances.newest(seen, memory, container.name), memory)


def failed_init(pod: Pod, seen: ObservedPod | None, memory: Memory) -> Instance | None:
    """Return the init container that ended the pod: it failed and may not start again."""
    for container in pod.spec.init_containers:
        newest = instances.newest(seen, memory, container.name)
        if newest is None or not isinstance(newest.state, Exited) or newest.state.exit_code == 0:
            continue
        due = memory.container(container.name).restart_due
        if not due and not restart_policy.init_restarts(pod, container, newest.state.exit_code):
            return newest
    return None


def count(pod: Pod, seen: ObservedPod | None, memory: Memory) -> Count:
    """Count the app containers by what they do."""
    found = {"running": 0, "waiting": 0, "restarting": 0, "succeeded": 0, "failed": 0}
    for container in pod.spec.containers:
        newest = instances.newest(seen, memory, container.name)
        match newest.state if newest else Created():
            case Running() if container_health.hook(memory, newest):
                found["restarting" if newest and newest.number else "waiting"] += 1  # not started yet, as it is shown
            case Running():
                found["running"] += 1
            case Created():
                found["restarting" if newest and newest.number else "waiting"] += 1
            case Exited(exit_code=code):
                due = memory.container(container.name).restart_due or _resized(container, memory)
                again = container_health.app_restarts(pod, container, newest, memory, code)
                if due or again or instances.outdated(newest, container):
                    found["restarting"] += 1
                else:
                    found["failed" if code else "succeeded"] += 1
            case _ as never:
                assert_never(never)
    return Count(**found)


def _resized(container: Container, memory: Memory) -> bool:
    return resize.needs_restart(container, memory.container(container.name))


def decide(pod: Pod, seen: ObservedPod | None, memory: Memory) -> Phase:
    """Return the phase.

    Source: Kubernetes pkg/kubelet/kubelet_pods.go getPhase.
    """
    if failed_init(pod, seen, memory) and not memory.initialized:
        return "Failed"
    apps = count(pod, seen, memory)
    started = apps.running + apps.restarting + apps.succeeded + apps.failed > 0
    if not started and not initialized(pod, seen, memory):
        return "Pending"
    if apps.waiting:
        return "Pending"
    if apps.running or apps.restarting:
        return "Running"
    return "Failed" if apps.failed else "Succeeded"
