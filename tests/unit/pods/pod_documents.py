"""Pods, ConfigMaps and Secrets for tests, written as Kubernetes writes them."""

from __future__ import annotations

import base64
from typing import Any

from edgelet.api.config_map import ConfigMap
from edgelet.api.pod import Pod
from edgelet.api.secret import Secret
from edgelet.pods.node_facts import NodeFacts
from edgelet.ports.pod_files import PodPaths

UID = "0f6f2d0e"
PATHS = PodPaths(run="/run/e", volumes="/var/e", logs="/logs")
GIB = 1024**3
NODE = NodeFacts(
    name="board",
    host_ips=("192.0.2.7", "2001:db8::7"),
    cpu_allocatable_milli=4000,
    memory_allocatable_bytes=2 * GIB,
    memory_capacity_bytes=4 * GIB,
    ephemeral_storage_allocatable_bytes=10 * GIB,
)


def pod(*containers: dict[str, Any], metadata: dict[str, Any] | None = None, **spec: Any) -> Pod:
    """Return a pod; a container without a name is called c."""
    meta = {"name": "p", "namespace": "ns", "uid": UID} | (metadata or {})
    apps = [{"name": "c", "image": "i"} | one for one in containers or ({},)]
    return Pod.model_validate({"metadata": meta, "spec": {"containers": apps} | spec})


class ObjectTable:
    """`Objects` from plain texts. Counts look-ups."""

    def __init__(
        self, config_maps: dict[str, dict[str, str]] | None = None, secrets: dict[str, dict[str, bytes]] | None = None
    ) -> None:
        self.config_maps = config_maps or {}
        self.binaries: dict[str, dict[str, bytes]] = {}
        self.secrets = secrets or {}
        self.look_ups = 0

    def config_map(self, namespace: str, name: str) -> ConfigMap | None:
        self.look_ups += 1
        if namespace != "ns" or name not in self.config_maps:
            return None
        binary = {key: base64.b64encode(value).decode() for key, value in self.binaries.get(name, {}).items()}
        return ConfigMap(data=self.config_maps[name], binary_data=binary)

    def secret(self, namespace: str, name: str) -> Secret | None:
        self.look_ups += 1
        if namespace != "ns" or name not in self.secrets:
            return None
        return Secret(data={key: base64.b64encode(value).decode() for key, value in self.secrets[name].items()})
