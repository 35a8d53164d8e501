"""Whether a pod may begin while the node is short of something. Pure.

Source: Kubernetes pkg/kubelet/eviction/eviction_manager.go Admit; component-helpers TolerationsTolerateTaint.
"""

from __future__ import annotations

from collections.abc import Collection

from edgelet.api.pod import Pod
from edgelet.api.scheduling import Toleration
from edgelet.pods import critical, qos
from edgelet.pods.node_admission import REJECTED, Rejection

_MEMORY = "MemoryPressure"
_TAINT, _EFFECT = "node.kubernetes.io/memory-pressure", "NoSchedule"


def judge(pod: Pod, conditions: Collection[str]) -> Rejection | None:
    """Return why the node does not take the pod now.

    Memory alone keeps out BestEffort pods that do not tolerate it; any other condition all that are not critical.
    """
    if not conditions or critical.is_critical(pod):
        return None
    if set(conditions) == {_MEMORY} and (
        qos.qos_class(pod) != "BestEffort" or any(_tolerates(one) for one in pod.spec.tolerations)
    ):
        return None
    return "Evicted", f"{REJECTED}The node had condition: [{' '.join(sorted(conditions))}]. "


def _tolerates(one: Toleration) -> bool:
    if one.effect not in {None, _EFFECT} or one.key not in {None, "", _TAINT}:
        return False
    if one.operator == "Exists":
        return True
    return one.operator in {None, "", "Equal"} and one.key == _TAINT and not one.value
