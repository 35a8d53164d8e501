"""Quality of service: the class of a pod, and how ready the kernel is to kill its processes.

Source: Kubernetes pkg/apis/core/v1/helper/qos/qos.go, pkg/kubelet/qos/policy.go.
"""

from __future__ import annotations

from edgelet.api import qos
from edgelet.api.container import Container
from edgelet.api.pod import Pod
from edgelet.api.qos import QosClass
from edgelet.api.quantity import Quantity
from edgelet.pods import resources

_GUARANTEED_SCORE = -997
_BEST_EFFORT_SCORE = 1000
_NODE_CRITICAL = "system-node-critical"


def qos_class(pod: Pod) -> QosClass:
    """Return the class, which never changes in a pod's life."""
    return qos.of(pod)


def oom_score_adj(pod: Pod, container: Container, *, memory_capacity_bytes: int) -> int:
    """Return -997 (killed last) to 1000 (killed first)."""
    if pod.spec.priority_class_name == _NODE_CRITICAL:
        return _GUARANTEED_SCORE
    match qos_class(pod):
        case "Guaranteed":
            return _GUARANTEED_SCORE
        case "BestEffort":
            return _BEST_EFFORT_SCORE
        case "Burstable":
            pass
    extra = _share_of_pod_request(pod)
    score = _burstable(_memory_request(container) + extra, memory_capacity_bytes)
    if resources.is_sidecar(pod, container):
        # A sidecar must not be killed before the app that it serves.
        smallest = min((_memory_request(one) for one in pod.spec.containers), default=0)
        score = min(score, _burstable(smallest + extra, memory_capacity_bytes))
    return max(_BEST_EFFORT_SCORE + _GUARANTEED_SCORE, min(score, _BEST_EFFORT_SCORE - 1))


def _burstable(request_bytes: int, capacity_bytes: int) -> int:
    return _BEST_EFFORT_SCORE - 1000 * request_bytes // max(1, capacity_bytes)


def _memory_request(container: Container) -> int:
    return container.resources.requests.get("memory", Quantity(0)).to_bytes()


def _share_of_pod_request(pod: Pod) -> int:
    """Return each container's part of the pod-level memory request that no container asked for itself."""
    whole = pod.spec.resources.requests.get("memory") if pod.spec.resources else None
    if not whole:
        return 0
    counted = [*pod.spec.containers, *(one for one in pod.spec.init_containers if resources.is_sidecar(pod, one))]
    return max(0, whole.to_bytes() - sum(map(_memory_request, counted))) // max(1, len(counted))
