"""Kernel settings of a pod: only those that its own namespaces have, never the node's. Pure.

Source: Kubernetes pkg/kubelet/sysctl/allowlist.go and Podman's pkg/specgen/generate (which ones are namespaced).
"""

from __future__ import annotations

from edgelet.api.errors import EngineError
from edgelet.ports.runtime import SandboxSpec

_IPC_PREFIXES = ("kernel.shm", "kernel.msg", "fs.mqueue.")
_IPC = frozenset({"kernel.sem"})
_NETWORK_PREFIX = "net."


def check(spec: SandboxSpec) -> None:
    """Refuse settings that would be the node's.

    Raises:
        EngineError: FailedCreatePodSandBox, naming the setting.
    """
    for name in spec.sysctls:
        if ".." in name or name.startswith(("/", ".")):
            raise _refused(name, "that is no name of a setting")
        network = name.startswith(_NETWORK_PREFIX)
        ipc = name in _IPC or name.startswith(_IPC_PREFIXES)
        if not (network or ipc):
            raise _refused(name, "it belongs to the whole node")
        if network and spec.host_network:
            raise _refused(name, "the pod is on the node's network")
        if ipc and spec.host_ipc:
            raise _refused(name, "the pod shares the node's IPC")


def _refused(name: str, why: str) -> EngineError:
    return EngineError("FailedCreatePodSandBox", f"cannot set {name} for the pod: {why}")
