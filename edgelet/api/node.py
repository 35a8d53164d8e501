"""Node: the board as it is seen from outside."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from edgelet.api.conditions import Condition
from edgelet.api.meta import ObjectMeta
from edgelet.api.quantity import Quantity
from edgelet.api.time import Time
from edgelet.api.value import Items, Value


class Taint(Value):
    """Keeps pods away that do not tolerate it."""

    key: str
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]
    time_added: Time | None = None


class NodeSpec(Value):
    """What is wanted of the node."""

    pod_cidr: str | None = None
    pod_cidrs: Items[str] = ()
    provider_id: str | None = None
    unschedulable: bool | None = None
    taints: Items[Taint] = ()
    config_source: dict[str, Any] | None = None
    external_id: str | None = None


class NodeAddress(Value):
    """Hostname, InternalIP, ExternalIP ..."""

    type: str
    address: str


class DaemonEndpoint(Value):
    """A port of the node's agent."""

    port: Annotated[int, Field(alias="Port")]


class NodeDaemonEndpoints(Value):
    """Ports of the node's agent."""

    kubelet_endpoint: DaemonEndpoint | None = None


class NodeSwapStatus(Value):
    """Swap of the board."""

    capacity: int | None = None


class NodeSystemInfo(Value):
    """What the board is."""

    machine_id: str = ""
    system_uuid: str = ""
    boot_id: str = ""
    kernel_version: str = ""
    os_image: str = ""
    container_runtime_version: str = ""
    kubelet_version: str = ""
    kube_proxy_version: str = ""
    operating_system: str = ""
    architecture: str = ""
    swap: NodeSwapStatus | None = None


class ContainerImage(Value):
    """An image on the board."""

    names: Items[str] = ()
    size_bytes: int | None = None


class NodeRuntimeHandlerFeatures(Value):
    """What a runtime can do."""

    recursive_read_only_mounts: bool | None = None
    user_namespaces: bool | None = None


class NodeRuntimeHandler(Value):
    """One way to run containers; the unnamed one is the default."""

    name: str = ""
    features: NodeRuntimeHandlerFeatures | None = None


class NodeFeatures(Value):
    """What the node can do."""

    supplemental_groups_policy: bool | None = None


class NodeStatus(Value):
    """The board as it is."""

    capacity: dict[str, Quantity] = Field(default_factory=dict)
    allocatable: dict[str, Quantity] = Field(default_factory=dict)
    phase: str | None = None
    conditions: Items[Condition] = ()
    addresses: Items[NodeAddress] = ()
    daemon_endpoints: NodeDaemonEndpoints | None = None
    node_info: NodeSystemInfo | None = None
    images: Items[ContainerImage] = ()
    volumes_in_use: Items[str] = ()
    volumes_attached: Items[dict[str, Any]] = ()
    config: dict[str, Any] | None = None
    runtime_handlers: Items[NodeRuntimeHandler] = ()
    features: NodeFeatures | None = None
    declared_features: Items[str] = ()


class Node(Value):
    """The board, wanted and observed."""

    api_version: Literal["v1"] = "v1"
    kind: Literal["Node"] = "Node"
    metadata: ObjectMeta = ObjectMeta()
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()
