"""What hooks and probes make of a container that runs: started, ready, to be killed. Pure."""

from __future__ import annotations

from edgelet.api.container import Container, EphemeralContainer
from edgelet.api.pod import Pod
from edgelet.pods import restart_policy
from edgelet.pods.instances import Instance
from edgelet.pods.memory import Memory, PostStart
from edgelet.pods.probe_state import ProbeKind
from edgelet.ports.runtime import Exited, Running

HOOK_ERROR = "PostStartHookError"
_HOOK_REST_S = 1.0  # kubelet: a container that its hook ended is looked at again with the next relist


def hook(memory: Memory, newest: Instance | None) -> PostStart | None:
    """Return the hook of this instance as long as it did not succeed."""
    known = memory.container(newest.name).post_start if newest else None
    return known if known is not None and newest is not None and known.instance == newest.number else None


def hook_runs(memory: Memory, newest: Instance | None) -> bool:
    """Whether the hook is under way: nothing else of the container, and no later container, is begun."""
    open_ = hook(memory, newest)
    if open_ is None or newest is None or open_.state == "failed":
        return False
    return open_.state == "running" or not isinstance(newest.state, Exited)  # one that ended before gets none


def hook_rest_s(memory: Memory, newest: Instance | None, *, now_s: float) -> float:
    """Return how long an ended instance still shows that its hook failed, before back-off has its say."""
    open_ = hook(memory, newest)
    seen = memory.exits.get(newest.id) if newest else None
    if open_ is None or open_.state != "failed" or seen is None:
        return 0.0
    return max(0.0, seen.at_s + _HOOK_REST_S - now_s)


def started(container: Container, newest: Instance | None, memory: Memory) -> bool:
    """Whether it runs, its postStart hook returned and its startup probe succeeded.

    Source: Kubernetes pkg/kubelet/prober/prober_manager.go isContainerStarted.
    """
    if newest is None or not isinstance(newest.state, Running) or hook(memory, newest):
        return False
    return container.startup_probe is None or memory.probed(newest.id).startup is True


def ready(container: Container, newest: Instance | None, memory: Memory) -> bool:
    """Whether it started and its readiness probe, if there is one, succeeds.

    Source: Kubernetes pkg/kubelet/prober/prober_manager.go UpdatePodStatus.
    """
    if newest is None or not started(container, newest, memory):
        return False
    return container.readiness_probe is None or memory.probed(newest.id).readiness is True


def failed_probe(newest: Instance | None, memory: Memory) -> ProbeKind | None:
    """Return the probe because of which the instance is, or was, to be killed."""
    known = memory.probed(newest.id) if newest else None
    if known is None:
        return None
    if known.liveness is False:
        return "liveness"
    return "startup" if known.startup is False else None


def app_restarts(pod: Pod, container: Container, newest: Instance | None, memory: Memory, exit_code: int) -> bool:
    """Return whether an app container that ended starts again.

    One that was ended because of a probe, or because its sandbox had died, does so even with exit code 0.

    Source: Kubernetes kuberuntime_manager.go computePodActions: shouldRestartOnFailure, and the containers to start
    in a new sandbox, which are chosen before the old ones are killed.
    """
    if restart_policy.app_restarts(pod, container, exit_code):
        return True
    policy = container.restart_policy or pod.spec.restart_policy
    if newest is None or policy != "OnFailure" or exit_code != 0 or isinstance(container, EphemeralContainer):
        return False
    return failed_probe(newest, memory) is not None or outlived_sandbox(newest, memory)


def outlived_sandbox(newest: Instance, memory: Memory) -> bool:
    """Whether it was seen running after its sandbox had died: it was ended because of that."""
    return memory.container(newest.name).outlived_sandbox == newest.number
