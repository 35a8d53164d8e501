"""What is observed of a pod."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from edgelet.api.conditions import Condition
from edgelet.api.container import ResourceRequirements
from edgelet.api.quantity import Quantity
from edgelet.api.time import Time
from edgelet.api.value import Items, Value

PodPhase = Literal["Pending", "Running", "Succeeded", "Failed", "Unknown"]
QOSClass = Literal["Guaranteed", "Burstable", "BestEffort"]


class ContainerStateWaiting(Value):
    """Not running yet, or not any more and about to be."""

    reason: str | None = None
    message: str | None = None


class ContainerStateRunning(Value):
    """Runs."""

    started_at: Time | None = None


class ContainerStateTerminated(Value):
    """Ran and ended, or could not be started."""

    exit_code: int
    signal: int | None = None
    reason: str | None = None
    message: str | None = None
    started_at: Time | None = None
    finished_at: Time | None = None
    container_id: str | None = None


class ContainerState(Value):
    """At most one; none means waiting."""

    waiting: ContainerStateWaiting | None = None
    running: ContainerStateRunning | None = None
    terminated: ContainerStateTerminated | None = None


class ImageVolumeStatus(Value):
    """The digest of a mounted image."""

    image_ref: str


class VolumeStatus(Value):
    """What is known of a mounted volume."""

    image: ImageVolumeStatus | None = None


class VolumeMountStatus(Value):
    """A mount as it was really made."""

    name: str
    mount_path: str
    read_only: bool | None = None
    recursive_read_only: str | None = None
    volume_status: VolumeStatus | None = None


class LinuxContainerUser(Value):
    """Ids of the container's first process."""

    uid: int
    gid: int
    supplemental_groups: Items[int] = ()


class ContainerUser(Value):
    """Who the container's first process is."""

    linux: LinuxContainerUser | None = None


class ContainerStatus(Value):
    """One container as it is."""

    name: str
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()
    ready: bool = False
    restart_count: int = 0
    image: str = ""
    image_id: str = ""
    container_id: str | None = None
    started: bool | None = None
    allocated_resources: dict[str, Quantity] = Field(default_factory=dict)
    resources: ResourceRequirements | None = None
    volume_mounts: Items[VolumeMountStatus] = ()
    user: ContainerUser | None = None
    allocated_resources_status: Items[dict[str, Any]] = ()
    stop_signal: str | None = None


class PodIP(Value):
    """An address of the pod."""

    ip: str


class HostIP(Value):
    """An address of the node."""

    ip: str


class PodStatus(Value):
    """The pod as it is. Conditions keep their order; containerStatuses are sorted by name."""

    observed_generation: int | None = None
    phase: PodPhase | None = None
    conditions: Items[Condition] = ()
    message: str | None = None
    reason: str | None = None
    nominated_node_name: str | None = None
    host_ip: str | None = None
    host_ips: Items[HostIP] = ()
    pod_ip: str | None = None
    pod_ips: Items[PodIP] = ()
    start_time: Time | None = None
    init_container_statuses: Items[ContainerStatus] = ()
    container_statuses: Items[ContainerStatus] = ()
    qos_class: QOSClass | None = None
    ephemeral_container_statuses: Items[ContainerStatus] = ()
    resize: str | None = None
    resource_claim_statuses: Items[dict[str, Any]] = ()
    extended_resource_claim_status: dict[str, Any] | None = None
    allocated_resources: dict[str, Quantity] = Field(default_factory=dict)
    resources: ResourceRequirements | None = None
