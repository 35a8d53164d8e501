"""Who is stopped when: app containers together, then the sidecars from the last to the first."""

from __future__ import annotations

from edgelet.api.pod import Pod
from edgelet.pods import instances, restart_policy
from edgelet.pods.steps import Target
from edgelet.ports.runtime import ObservedPod, Running


def later(seen: ObservedPod | None, targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """Return what runs and is stopped after these."""
    now = {one.id for one in targets}
    every = seen.containers if seen else ()
    return tuple(Target(one.name, one.id) for one in every if isinstance(one.state, Running) and one.id not in now)


def next_targets(pod: Pod, seen: ObservedPod | None) -> tuple[Target, ...]:
    """Return the containers to be stopped now, together; empty when none runs.

    Source: Kubernetes kuberuntime_termination_order.go.
    """
    sidecars = tuple(one.name for one in pod.spec.init_containers if restart_policy.is_sidecar(one))
    plain = tuple(one.name for one in pod.spec.init_containers if not restart_policy.is_sidecar(one))
    beside = (*pod.spec.containers, *pod.spec.ephemeral_containers)
    first = instances.running(seen, (*(one.name for one in beside), *plain))
    if first:
        return tuple(Target(one.name, one.id) for one in first)
    last = instances.running(seen, tuple(reversed(sidecars)))
    if last:
        return (Target(last[0].name, last[0].id),)
    known = {one.name for one in (*beside, *pod.spec.init_containers)}
    strangers = tuple(sorted({one.name for one in (seen.containers if seen else ())} - known))
    return tuple(Target(one.name, one.id) for one in instances.running(seen, strangers))
