"""The Pod: containers that share a network, volumes and a fate."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edgelet.api.container import Container, EphemeralContainer, ResourceRequirements, RestartPolicy
from edgelet.api.meta import LocalObjectReference, ObjectMeta
from edgelet.api.pod_status import PodStatus
from edgelet.api.quantity import Quantity
from edgelet.api.scheduling import (
    Affinity,
    PodResourceClaim,
    PodSchedulingGate,
    SchedulingGroup,
    Toleration,
    TopologySpreadConstraint,
    WorkloadReference,
)
from edgelet.api.security import PodSecurityContext
from edgelet.api.value import Items, Value
from edgelet.api.volume import Volume


class HostAlias(Value):
    """A line of the pod's /etc/hosts."""

    ip: str
    hostnames: Items[str] = ()


class PodDNSConfigOption(Value):
    """An option of resolv.conf."""

    name: str | None = None
    value: str | None = None


class PodDNSConfig(Value):
    """Added to what dnsPolicy gives."""

    nameservers: Items[str] = ()
    searches: Items[str] = ()
    options: Items[PodDNSConfigOption] = ()


class PodReadinessGate(Value):
    """A condition, set from outside, without which the pod is not Ready."""

    condition_type: str


class PodOS(Value):
    """The operating system the pod is made for."""

    name: str


class PodSpec(Value):
    """What is wanted of a pod."""

    volumes: Items[Volume] = ()
    init_containers: Items[Container] = ()
    containers: Items[Container] = ()
    ephemeral_containers: Items[EphemeralContainer] = ()
    restart_policy: RestartPolicy | None = None
    termination_grace_period_seconds: int | None = None
    active_deadline_seconds: int | None = None
    dns_policy: Literal["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"] | None = None
    node_selector: dict[str, str] = Field(default_factory=dict)
    service_account_name: str | None = None
    service_account: str | None = None
    automount_service_account_token: bool | None = None
    node_name: str | None = None
    host_network: bool | None = None
    host_pid: bool | None = None
    host_ipc: bool | None = None
    share_process_namespace: bool | None = None
    security_context: PodSecurityContext | None = None
    image_pull_secrets: Items[LocalObjectReference] = ()
    hostname: str | None = None
    subdomain: str | None = None
    affinity: Affinity | None = None
    scheduler_name: str | None = None
    tolerations: Items[Toleration] = ()
    host_aliases: Items[HostAlias] = ()
    priority_class_name: str | None = None
    priority: int | None = None
    dns_config: PodDNSConfig | None = None
    readiness_gates: Items[PodReadinessGate] = ()
    runtime_class_name: str | None = None
    enable_service_links: bool | None = None
    preemption_policy: Literal["Never", "PreemptLowerPriority"] | None = None
    overhead: dict[str, Quantity] = Field(default_factory=dict)
    topology_spread_constraints: Items[TopologySpreadConstraint] = ()
    set_hostname_as_fqdn: bool | None = None
    os: PodOS | None = None
    host_users: bool | None = None
    scheduling_gates: Items[PodSchedulingGate] = ()
    resource_claims: Items[PodResourceClaim] = ()
    resources: ResourceRequirements | None = None
    hostname_override: str | None = None
    scheduling_group: SchedulingGroup | None = None
    workload_ref: WorkloadReference | None = None


class Pod(Value):
    """A pod, wanted and observed."""

    api_version: Literal["v1"] = "v1"
    kind: Literal["Pod"] = "Pod"
    metadata: ObjectMeta = ObjectMeta()
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()
