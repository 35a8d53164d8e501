"""The action RestartAllContainers: one container's exit has the whole pod begin anew, in the sandbox it is in. Pure.

Everything is stopped, without preStop; then the init containers run again. Back-off counts as for any other restart.

Source: Kubernetes KEP-5532, pkg/kubelet/container/helpers.go ShouldAllContainersRestart.
"""

from __future__ import annotations

from edgelet.api.conditions import Condition
from edgelet.api.pod import Pod
from edgelet.pods import instances, references, restart_policy
from edgelet.pods.memory import Memory
from edgelet.pods.steps import KillContainers, ResetContainers, Round, Target
from edgelet.ports.runtime import Exited, ObservedPod, Running

CONDITION = "AllContainersRestarting"
_STOPPING = "Container {name} will be restarted with all containers of the pod"


def possible(pod: Pod) -> bool:
    """Whether any container has such a rule."""
    rules = (rule for one in references.containers(pod) for rule in one.restart_policy_rules)
    return any(rule.action == "RestartAllContainers" for rule in rules)


def triggered(pod: Pod, seen: ObservedPod | None, memory: Memory) -> bool:
    """Whether a container has ended in a way that restarts all, and that was not done yet."""
    for container in references.containers(pod):
        newest = instances.newest(seen, memory, container.name)
        if newest is None or not newest.present or not isinstance(newest.state, Exited):
            continue
        rule = restart_policy.matching_rule(container, newest.state.exit_code)
        if rule is not None and rule.action == "RestartAllContainers":
            return True
    return False


def under_way(pod: Pod, seen: ObservedPod | None, memory: Memory) -> bool:
    """Whether the pod is between such an end and its containers' next start."""
    waiting = any(memory.container(one.name).restart_due for one in references.containers(pod))
    return waiting or triggered(pod, seen, memory)


def next_round(pod: Pod, seen: ObservedPod | None, memory: Memory) -> Round | None:
    """Return how the containers are brought to an end, together; None where nothing has to be."""
    if not possible(pod) or not triggered(pod, seen, memory):
        return None
    names = {one.name for one in references.containers(pod)}
    mine = [one for one in (seen.containers if seen else ()) if one.name in names]
    alive = tuple(Target(one.name, one.id) for one in mine if isinstance(one.state, Running))
    if alive:
        grace_s = float(pod.spec.termination_grace_period_seconds or 0)
        return Round((KillContainers(alive, grace_s, message=_STOPPING, hooks=False),))
    return Round((ResetContainers(tuple(one.id for one in mine)),))


def condition(pod: Pod, seen: ObservedPod | None, memory: Memory, *, final_reason: str | None) -> Condition | None:
    """Return the condition of a pod in which this can happen; `final_reason`: PodCompleted or PodFailed.

    Source: pkg/kubelet/status/generate.go GenerateAllContainersRestartingCondition.
    """
    if not possible(pod):
        return None
    if final_reason is not None or not under_way(pod, seen, memory):
        return Condition(type=CONDITION, status="False", reason=final_reason)
    return Condition(
        type=CONDITION,
        status="True",
        reason="RestartAllContainersStarted",
        message="container exited with restart policy rule",
    )
