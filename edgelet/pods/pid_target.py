"""Whose processes an ephemeral container sees. Pure.

Source: Kubernetes pkg/kubelet/kuberuntime/kuberuntime_container.go getTargetID.
"""

from __future__ import annotations

from edgelet.api.container import Container, EphemeralContainer
from edgelet.api.errors import EdgeletError
from edgelet.ports.runtime import ObservedPod, Running


def wanted(container: Container) -> bool:
    """Whether the container names a target."""
    return isinstance(container, EphemeralContainer) and bool(container.target_container_name)


def find(container: Container, seen: ObservedPod | None) -> str:
    """Return the engine's id of the target.

    Raises:
        EdgeletError: CreateContainerConfigError: it does not run.
    """
    name = container.target_container_name if isinstance(container, EphemeralContainer) else None
    for one in seen.containers if seen else ():
        if one.name == name and isinstance(one.state, Running):
            return one.id
    raise EdgeletError("CreateContainerConfigError", f'unable to find target container "{name}"')
