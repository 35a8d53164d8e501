"""One container of a pod."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edgelet.api.environment import EnvFromSource, EnvVar
from edgelet.api.probe import Lifecycle, Probe
from edgelet.api.quantity import Quantity
from edgelet.api.security import SecurityContext
from edgelet.api.value import Items, Value

RestartPolicy = Literal["Always", "OnFailure", "Never"]
PullPolicy = Literal["Always", "IfNotPresent", "Never"]
Protocol = Literal["TCP", "UDP", "SCTP"]


class ContainerPort(Value):
    """A port the container listens on; host_port makes it reachable on the node."""

    name: str | None = None
    host_port: int | None = None
    container_port: int
    protocol: Protocol | None = None
    host_ip: str | None = None


class ResourceClaimRef(Value):
    """A claim of the pod's resourceClaims."""

    name: str
    request: str | None = None


class ResourceRequirements(Value):
    """What a container (or pod) may use at most, and what is set aside for it. Keys: cpu, memory ..."""

    limits: dict[str, Quantity] = Field(default_factory=dict)
    requests: dict[str, Quantity] = Field(default_factory=dict)
    claims: Items[ResourceClaimRef] = ()


class ContainerResizePolicy(Value):
    """Whether a new amount of a resource needs a restart."""

    resource_name: str
    restart_policy: Literal["NotRequired", "RestartContainer"]


class ExitCodeRequirement(Value):
    """A set of exit codes."""

    operator: Literal["In", "NotIn"]
    values: Items[int] = ()


class ContainerRestartRule(Value):
    """What to do when the container ends with one of these codes."""

    action: Literal["Restart", "RestartAllContainers"]
    exit_codes: ExitCodeRequirement | None = None


class VolumeMount(Value):
    """A volume of the pod inside the container."""

    name: str
    read_only: bool | None = None
    recursive_read_only: Literal["Disabled", "IfPossible", "Enabled"] | None = None
    mount_path: str
    sub_path: str | None = None
    mount_propagation: Literal["None", "HostToContainer", "Bidirectional"] | None = None
    sub_path_expr: str | None = None


class VolumeDevice(Value):
    """A raw block volume inside the container."""

    name: str
    device_path: str


class Container(Value):
    """One program of a pod and what it is given."""

    name: str
    image: str | None = None
    command: Items[str] = ()
    args: Items[str] = ()
    working_dir: str | None = None
    ports: Items[ContainerPort] = ()
    env_from: Items[EnvFromSource] = ()
    env: Items[EnvVar] = ()
    resources: ResourceRequirements = ResourceRequirements()
    resize_policy: Items[ContainerResizePolicy] = ()
    restart_policy: RestartPolicy | None = None
    restart_policy_rules: Items[ContainerRestartRule] = ()
    volume_mounts: Items[VolumeMount] = ()
    volume_devices: Items[VolumeDevice] = ()
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    lifecycle: Lifecycle | None = None
    termination_message_path: str | None = None
    termination_message_policy: Literal["File", "FallbackToLogsOnError"] | None = None
    image_pull_policy: PullPolicy | None = None
    security_context: SecurityContext | None = None
    stdin: bool | None = None
    stdin_once: bool | None = None
    tty: bool | None = None


class EphemeralContainer(Container):
    """A container put into a running pod to look around; never restarted."""

    target_container_name: str | None = None
