"""What a cluster's scheduler reads of a pod. The node itself looks at node selectors, node affinity and taints only."""

from __future__ import annotations

from typing import Literal

from edgelet.api.meta import LabelSelector
from edgelet.api.value import Items, Value


class NodeSelectorRequirement(Value):
    """key In|NotIn|Exists|DoesNotExist|Gt|Lt values."""

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
    values: Items[str] = ()


class NodeSelectorTerm(Value):
    """All requirements must fit."""

    match_expressions: Items[NodeSelectorRequirement] = ()
    match_fields: Items[NodeSelectorRequirement] = ()


class NodeSelector(Value):
    """One of the terms must fit."""

    node_selector_terms: Items[NodeSelectorTerm] = ()


class PreferredSchedulingTerm(Value):
    """A wish with a weight."""

    weight: int
    preference: NodeSelectorTerm


class NodeAffinity(Value):
    """Which nodes the pod needs, and which it would like."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    preferred_during_scheduling_ignored_during_execution: Items[PreferredSchedulingTerm] = ()


class PodAffinityTerm(Value):
    """Pods to be near to, or far from."""

    label_selector: LabelSelector | None = None
    namespaces: Items[str] = ()
    topology_key: str
    namespace_selector: LabelSelector | None = None
    match_label_keys: Items[str] = ()
    mismatch_label_keys: Items[str] = ()


class WeightedPodAffinityTerm(Value):
    """A wish with a weight."""

    weight: int
    pod_affinity_term: PodAffinityTerm


class PodAffinity(Value):
    """Affinity or anti-affinity to pods."""

    required_during_scheduling_ignored_during_execution: Items[PodAffinityTerm] = ()
    preferred_during_scheduling_ignored_during_execution: Items[WeightedPodAffinityTerm] = ()


class Affinity(Value):
    """Where the pod wants to be."""

    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAffinity | None = None


class Toleration(Value):
    """A taint the pod can live with."""

    key: str | None = None
    operator: str | None = None
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    toleration_seconds: int | None = None


class TopologySpreadConstraint(Value):
    """How evenly pods are spread over nodes."""

    max_skew: int
    topology_key: str
    when_unsatisfiable: Literal["DoNotSchedule", "ScheduleAnyway"]
    label_selector: LabelSelector | None = None
    min_domains: int | None = None
    node_affinity_policy: str | None = None
    node_taints_policy: str | None = None
    match_label_keys: Items[str] = ()


class PodSchedulingGate(Value):
    """A gate that keeps the pod from being scheduled."""

    name: str


class PodResourceClaim(Value):
    """A device claimed for the pod."""

    name: str
    resource_claim_name: str | None = None
    resource_claim_template_name: str | None = None


class SchedulingGroup(Value):
    """Pods that are scheduled together."""

    pod_group_name: str | None = None


class WorkloadReference(Value):
    """The workload this pod is scheduled with."""

    name: str | None = None
    pod_group: str | None = None
    pod_group_replica_key: str | None = None
