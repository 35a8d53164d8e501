"""Which pods the node never gives up, and how much the others are worth to it. Pure.

Source: Kubernetes pkg/kubelet/types/pod_update.go IsCriticalPod, IsStaticPod; pkg/apis/scheduling/types.go.
"""

from __future__ import annotations

from edgelet.api.pod import Pod

_CRITICAL_PRIORITY = 2_000_000_000
# The two classes that every cluster has; there an admission plugin turns the name into the number.
_CLASSES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
_SOURCE, _FILE = "kubernetes.io/config.source", "file"


def priority(pod: Pod) -> int:
    """Return the pod's priority; 0 without one."""
    if pod.spec.priority is not None:
        return pod.spec.priority
    return _CLASSES.get(pod.spec.priority_class_name or "", 0)


def is_critical(pod: Pod) -> bool:
    """Whether the pod is never evicted, and admitted under any pressure: by its priority, or from a manifest file."""
    return pod.metadata.annotations.get(_SOURCE) == _FILE or priority(pod) >= _CRITICAL_PRIORITY
