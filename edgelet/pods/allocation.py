"""What a pod has been given of the node. It lags behind what is wanted while a resize has no room. Pure.

Source: Kubernetes pkg/kubelet/allocation/allocation_manager.go, KEP-1287.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace

from edgelet.api.container import Container, ResourceRequirements
from edgelet.api.pod import Pod
from edgelet.api.quantity import Quantity
from edgelet.pods import node_admission, resources
from edgelet.pods.memory import Memory, PendingResize
from edgelet.pods.node_admission import Room

RETRY_S = 30.0  # of a deferred one; what makes room tells nobody
_RESIZABLE = ("cpu", "memory")


def resizable(pod: Pod) -> tuple[Container, ...]:
    """Return the containers whose amounts may change while they run: apps and sidecars."""
    sidecars = (one for one in pod.spec.init_containers if resources.is_sidecar(pod, one))
    return (*sidecars, *pod.spec.containers)


def of(pod: Pod) -> dict[str, ResourceRequirements]:
    """Return the amounts of a pod's containers by name."""
    return {one.name: one.resources for one in resizable(pod)}


def given(pod: Pod, allocated: Mapping[str, ResourceRequirements]) -> Pod:
    """Return the pod with the amounts it has been given instead of those that are wanted."""
    if all(same(one.resources, allocated.get(one.name, one.resources)) for one in resizable(pod)):
        return pod
    spec = pod.spec.replace(
        containers=_with(pod.spec.containers, allocated), init_containers=_with(pod.spec.init_containers, allocated)
    )
    return pod.replace(spec=spec)


def _with(containers: Iterable[Container], allocated: Mapping[str, ResourceRequirements]) -> tuple[Container, ...]:
    return tuple(one.replace(resources=allocated.get(one.name, one.resources)) for one in containers)


def same(one: ResourceRequirements, other: ResourceRequirements) -> bool:
    """Whether two containers' cpu and memory are the same."""
    return _amounts(one) == _amounts(other)


def _amounts(amounts: ResourceRequirements) -> tuple[Quantity | None, ...]:
    return tuple(part.get(name) for part in (amounts.limits, amounts.requests) for name in _RESIZABLE)


def label(amounts: ResourceRequirements) -> str:
    """Return what an instance that is made to these amounts carries."""
    parts = {"limits": amounts.limits, "requests": amounts.requests}
    kept = {part: {name: str(given[name]) for name in _RESIZABLE if name in given} for part, given in parts.items()}
    return json.dumps(kept, separators=(",", ":"))


def from_label(text: str | None) -> ResourceRequirements | None:
    """Return what an instance was made to; None where it does not say."""
    try:
        return ResourceRequirements.model_validate(json.loads(text)) if text else None
    except ValueError:
        return None


def judge(pod: Pod, others: tuple[Pod, ...], room: Room) -> PendingResize | None:
    """Return why a pod cannot have what it wants now; None if it can. `others`: with what they have been given."""
    requests = resources.pod_requests(pod)
    memory = requests.get("memory", Quantity(0)).to_bytes()
    cpu = requests.get("cpu", Quantity(0)).to_milli()
    for name, wanted, capacity in (("memory", memory, room.memory_bytes), ("cpu", cpu, room.cpu_milli)):
        if wanted > capacity:
            message = f"Node didn't have enough capacity: {name}, requested: {wanted}, capacity: {capacity}"
            return PendingResize("Infeasible", message)
    lack = node_admission.lack_of_room(pod, others, room)
    return PendingResize("Deferred", lack[1]) if lack else None


def settled(memory: Memory, pod: Pod, pending: PendingResize | None) -> Memory:
    """Return the memory after a decision: the pod has what it wants, or waits for it."""
    if pending is not None:
        return replace(memory, resize_pending=pending)
    return replace(memory, resize_pending=None, allocated=of(pod))


def retry_s(memory: Memory) -> float | None:
    """Return when to ask again for a resize that waits for room."""
    pending = memory.resize_pending
    return RETRY_S if pending is not None and pending.reason == "Deferred" else None
