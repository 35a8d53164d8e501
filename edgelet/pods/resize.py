"""In-place resize: a running container gets other limits, or is made anew where its resizePolicy says so. Pure.

Source: Kubernetes pkg/kubelet/kuberuntime/kuberuntime_manager.go computePodResizeAction.
"""

from __future__ import annotations

import json
from dataclasses import replace

from edgelet.api.container import Container, ResourceRequirements
from edgelet.api.pod import Pod
from edgelet.pods import allocation, instances
from edgelet.pods.instances import Instance
from edgelet.pods.memory import ContainerMemory, Memory
from edgelet.ports.runtime import ObservedPod, Running

RESTARTED = "Container {name} resize requires restart"


def due(container: Container, known: ContainerMemory) -> bool:
    """Whether the newest instance has other limits than the container has been given."""
    return known.resources is not None and not allocation.same(known.resources, container.resources)


def needs_restart(container: Container, known: ContainerMemory) -> bool:
    """Whether one of the amounts that change asks for a new instance."""
    if known.resources is None or not due(container, known):
        return False
    policies = {one.resource_name: one.restart_policy for one in container.resize_policy}
    return any(
        policies.get(name) == "RestartContainer" and _of(known.resources, name) != _of(container.resources, name)
        for name in ("cpu", "memory")
    )


def _of(amounts: ResourceRequirements, name: str) -> tuple[object, object]:
    return amounts.requests.get(name), amounts.limits.get(name)


def in_progress(pod: Pod, seen: ObservedPod | None, memory: Memory) -> tuple[Container, ...]:
    """Return the containers that run and do not have yet what they were given."""
    return tuple(
        one
        for one in allocation.resizable(pod)
        if due(one, memory.container(one.name)) and _runs(instances.newest(seen, memory, one.name))
    )


def without_ended(pod: Pod, seen: ObservedPod | None, memory: Memory) -> Memory:
    """Return the memory in which what has ended owes nothing to a resize that comes now: it is not run again by it."""
    containers = {
        name: one if _runs(instances.newest(seen, memory, name)) else replace(one, resources=None)
        for name, one in memory.containers.items()
        if name in {each.name for each in allocation.resizable(pod)}
    }
    return replace(memory, containers={**memory.containers, **containers})


def _runs(newest: Instance | None) -> bool:
    return newest is not None and isinstance(newest.state, Running)


def told(what: str, pod: Pod, *, error: str = "") -> str:
    """Return the message of an event about a resize.

    Source: Kubernetes pkg/kubelet/events podResizeMsg.
    """
    amounts = [{"name": one.name, "resources": one.resources.to_document()} for one in allocation.resizable(pod)]
    detail = {"containers": amounts, "generation": pod.metadata.generation or 0} | ({"error": error} if error else {})
    return f"Pod resize {what}: {json.dumps(detail, separators=(',', ':'))}"
