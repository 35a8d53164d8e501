"""The status of a pod, from what is wanted, seen and remembered. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from edgelet.api import conditions
from edgelet.api.conditions import Condition, ConditionStatus
from edgelet.api.pod_status import ContainerStatus, HostIP, PodIP, PodPhase, PodStatus, QOSClass
from edgelet.pods import container_status, phase, remember, resize_conditions, restart_all, restart_policy
from edgelet.pods.plan import Situation


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a status needs besides the pod's own affairs."""

    now: datetime
    host_ips: tuple[str, ...]
    qos_class: QOSClass
    start_time: datetime | None
    rejection: tuple[str, str] | None = None  # reason, message: the node does not take the pod


def build(now: Situation, around: Surroundings, *, before: PodStatus) -> PodStatus:
    """Return the status.

    Args:
        now: The pod, what the engine shows of it, what its worker remembers.
        around: Time and place.
        before: The status up to now: transition times, conditions set from outside, a final phase are kept.

    Source: Kubernetes pkg/kubelet/kubelet_pods.go generateAPIPodStatus, pkg/kubelet/status/generate.go.
    """
    if before.phase in {"Succeeded", "Failed"} and now.ended:
        return before.replace(observed_generation=now.pod.metadata.generation or None)
    inits = tuple(container_status.build(now, one, init=True) for one in now.pod.spec.init_containers)
    apps = tuple(
        sorted(
            (container_status.build(now, one, init=False) for one in now.pod.spec.containers), key=lambda one: one.name
        )
    )
    over = around.rejection is not None or now.evicted is not None
    found: PodPhase = "Failed" if over else phase.decide(now.pod, now.seen, now.memory)
    if not around.rejection:
        found = _not_before_the_last(now, before, found)
    reason, message = around.rejection or _why(now, found) or (before.reason, before.message)
    host_network = bool(now.pod.spec.host_network)
    ips = around.host_ips if host_network and now.memory.sandbox_attempt else now.memory.ips
    rejected = around.rejection is not None
    return PodStatus(
        observed_generation=now.pod.metadata.generation or None,
        phase=found,
        reason=reason,
        message=message,
        conditions=() if rejected else _conditions(now, around, before, found, inits, apps),
        host_ip=around.host_ips[0] if around.host_ips and not rejected else None,
        host_ips=tuple(HostIP(ip=one) for one in around.host_ips[:2]) if not rejected else (),
        pod_ip=ips[0] if ips else None,
        pod_ips=tuple(PodIP(ip=one) for one in ips[:2]),
        start_time=around.start_time,
        init_container_statuses=() if rejected else inits,
        container_statuses=() if rejected else apps,
        ephemeral_container_statuses=() if rejected else _ephemeral(now),
        qos_class=around.qos_class,
        resize=before.resize,
    )


def _ephemeral(now: Situation) -> tuple[ContainerStatus, ...]:
    """Return their statuses: nobody waits for them, so they are neither ready nor started."""
    made = (container_status.build(now, one, init=False) for one in now.pod.spec.ephemeral_containers)
    return tuple(sorted((one.replace(ready=False, started=None) for one in made), key=lambda one: one.name))


def _why(now: Situation, found: PodPhase) -> tuple[str, str] | None:
    """Return reason and message of an eviction: with the final phase, not before."""
    return (now.evicted.reason, now.evicted.message) if now.evicted and found in _FINAL else None


def _not_before_the_last(now: Situation, before: PodStatus, found: PodPhase) -> PodPhase:
    """Return the phase as it is shown: a final one only once every container stopped, sidecars too.

    A pod that is being deleted does not fall back to Pending either.

    Source: Kubernetes pkg/kubelet/status/status_manager.go mergePodStatus.
    """
    kept = before.phase or "Running"
    if found in _FINAL and remember.alive(now.seen):
        return kept
    if now.pod.metadata.deletion_timestamp is not None and found == "Pending":
        return before.phase or found
    return found


_FINAL = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}
_OWN = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")


def _conditions(  # noqa: PLR0917  what conditions are made of
    now: Situation,
    around: Surroundings,
    before: PodStatus,
    found: PodPhase,
    inits: tuple[ContainerStatus, ...],
    apps: tuple[ContainerStatus, ...],
) -> tuple[Condition, ...]:
    sandbox = now.seen.sandbox if now.seen else None
    ready_sandbox = sandbox is not None and sandbox.ready and found not in _FINAL
    containers_ready = _containers_ready(now, found, inits, apps)
    made = (
        _condition("PodReadyToStartContainers", ok=ready_sandbox),
        _initialized(now, found, inits),
        _ready(now, before, containers_ready),
        containers_ready,
        _condition("PodScheduled", ok=True),
    )
    generation = now.pod.metadata.generation or None
    stamped = tuple(one.replace(last_transition_time=around.now, observed_generation=generation) for one in made)
    restarting = restart_all.condition(now.pod, now.seen, now.memory, final_reason=_FINAL.get(found))
    further = tuple(
        one.replace(last_transition_time=around.now, observed_generation=generation)
        for one in (restarting, *resize_conditions.of(now.pod, now.seen, now.memory), _disruption(now, found))
        if one is not None
    )
    own = {*_OWN, *resize_conditions.TYPES, restart_all.CONDITION, *(one.type for one in further)}
    foreign = tuple(one for one in before.conditions if one.type not in own)
    return (*conditions.merge(before.conditions, (*stamped, *further)), *foreign)


def _disruption(now: Situation, found: PodPhase) -> Condition | None:
    """Return that the node gave the pod up: with the final phase, not before.

    Source: Kubernetes pkg/kubelet/status/status_manager.go mergePodStatus, eviction/eviction_manager.go.
    """
    if now.evicted is None or not now.evicted.disruption or found not in _FINAL:
        return None
    return _condition("DisruptionTarget", ok=True, reason="TerminationByKubelet", message=now.evicted.message)


def _condition(kind: str, *, ok: bool, reason: str | None = None, message: str | None = None) -> Condition:
    status: ConditionStatus = "True" if ok else "False"
    return Condition(type=kind, status=status, reason=reason, message=message)


def _initialized(now: Situation, found: PodPhase, inits: tuple[ContainerStatus, ...]) -> Condition:
    if found == "Succeeded":
        return _condition("Initialized", ok=True, reason="PodCompleted")
    if not inits or phase.initialized(now.pod, now.seen, now.memory):
        return _condition("Initialized", ok=True)
    sidecars = {one.name for one in now.pod.spec.init_containers if restart_policy.is_sidecar(one)}
    open_ = [one.name for one in inits if not (one.started if one.name in sidecars else one.ready)]
    return _condition(
        "Initialized",
        ok=False,
        reason="ContainersNotInitialized",
        message=f"containers with incomplete status: [{' '.join(open_)}]",
    )


def _containers_ready(
    now: Situation, found: PodPhase, inits: tuple[ContainerStatus, ...], apps: tuple[ContainerStatus, ...]
) -> Condition:
    if found in _FINAL:
        return _condition("ContainersReady", ok=False, reason=_FINAL[found])
    sidecars = {one.name for one in now.pod.spec.init_containers if restart_policy.is_sidecar(one)}
    counted = [one for one in inits if one.name in sidecars] + list(apps)
    unready = [one.name for one in counted if not one.ready]
    if not unready:
        return _condition("ContainersReady", ok=True)
    return _condition(
        "ContainersReady",
        ok=False,
        reason="ContainersNotReady",
        message=f"containers with unready status: [{' '.join(unready)}]",
    )


def _ready(now: Situation, before: PodStatus, containers_ready: Condition) -> Condition:
    if containers_ready.status != "True":
        return containers_ready.replace(type="Ready")
    for gate in now.pod.spec.readiness_gates:
        if not conditions.is_true(before.conditions, gate.condition_type):
            return _condition(
                "Ready",
                ok=False,
                reason="ReadinessGatesNotReady",
                message=f'corresponding condition of pod readiness gate "{gate.condition_type}" does not exist.',
            )
    return _condition("Ready", ok=True)
