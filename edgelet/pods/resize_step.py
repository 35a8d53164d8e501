"""Giving a running container other limits."""

from __future__ import annotations

from datetime import timedelta

from edgelet.api.container import Container
from edgelet.api.errors import EdgeletError
from edgelet.api.pod import Pod
from edgelet.api.quantity import Quantity
from edgelet.pods import container_spec, resources
from edgelet.pods.node_facts import NodeFacts
from edgelet.ports.runtime import Runtime

_RETRY = timedelta(seconds=10)


async def carry_out(pod: Pod, container: Container, container_id: str, *, runtime: Runtime, node: NodeFacts) -> None:
    """Write the limits the container has been given.

    Raises:
        EdgeletError: It has more memory in use than it shall have, or the engine refuses.
    """
    limits = container_spec.limits(pod, container, node=node)
    if limits.memory_limit_bytes:
        used = {one.container: one.working_set_bytes for one in await runtime.usage(pod.metadata.uid)}
        current_bytes = used.get(container.name, 0)
        if current_bytes > limits.memory_limit_bytes:
            raise EdgeletError(
                "Error",
                f"attempting to set container memory limit ({limits.memory_limit_bytes}) "
                f"below current usage ({current_bytes})",
                retry_after=_RETRY,
            )
    cpu = resources.pod_requests(pod).get("cpu", Quantity(0))
    await runtime.resize_container(container_id, limits, pod_cpu_shares=resources.cpu_shares(cpu.to_milli()))
