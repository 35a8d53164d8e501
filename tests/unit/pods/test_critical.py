from __future__ import annotations

from typing import Any

import pytest

from edgelet.api.pod import Pod
from edgelet.pods import critical, pressure_admission
from tests.fakes.world import pod_document

BURSTABLE: Any = {"containers": [{"name": "app", "image": "app:1", "resources": {"requests": {"memory": "1Mi"}}}]}


def pod(source: str = "mqtt", **spec: Any) -> Pod:
    document = pod_document(**spec)
    document["metadata"]["annotations"] = {"kubernetes.io/config.source": source}
    return Pod.model_validate(document)


@pytest.mark.parametrize(
    ("one", "priority", "is_critical"),
    [
        (pod(), 0, False),
        (pod("api", priority=1_999_999_999), 1_999_999_999, False),
        (pod(priority=2_000_000_000), 2_000_000_000, True),
        (pod(priorityClassName="system-node-critical"), 2_000_001_000, True),
        (pod(priorityClassName="system-cluster-critical"), 2_000_000_000, True),
        (pod(priorityClassName="mine", priority=-5), -5, False),
        (pod("file"), 0, True),
    ],
)
def test_critical_is_what_has_the_priority_or_comes_from_a_file(one: Pod, priority: int, *, is_critical: bool) -> None:
    assert (critical.priority(one), critical.is_critical(one)) == (priority, is_critical)


MEMORY_TAINT = "node.kubernetes.io/memory-pressure"


@pytest.mark.parametrize(
    ("one", "conditions", "admitted"),
    [
        (pod(), [], True),
        (pod(), ["MemoryPressure"], False),
        (pod(**BURSTABLE), ["MemoryPressure"], True),
        (pod(**BURSTABLE), ["DiskPressure"], False),
        (pod(**BURSTABLE), ["PIDPressure"], False),
        (pod(**BURSTABLE), ["MemoryPressure", "DiskPressure"], False),
        (pod("file"), ["MemoryPressure", "DiskPressure"], True),
        (pod(priority=2_000_000_000), ["DiskPressure"], True),
        (pod(tolerations=[{"key": MEMORY_TAINT, "operator": "Exists"}]), ["MemoryPressure"], True),
        (pod(tolerations=[{"operator": "Exists"}]), ["MemoryPressure"], True),
        (pod(tolerations=[{"operator": "Exists"}]), ["DiskPressure"], False),
        (pod(tolerations=[{"key": MEMORY_TAINT, "effect": "NoSchedule"}]), ["MemoryPressure"], True),
        (pod(tolerations=[{"key": MEMORY_TAINT, "value": "x"}]), ["MemoryPressure"], False),
        (pod(tolerations=[{"operator": "Exists", "effect": "NoExecute"}]), ["MemoryPressure"], False),
        (pod(tolerations=[{"key": "other", "operator": "Exists"}]), ["MemoryPressure"], False),
    ],
)
def test_who_is_admitted_while_the_node_is_short(one: Pod, conditions: list[str], *, admitted: bool) -> None:
    assert (pressure_admission.judge(one, conditions) is None) == admitted


def test_a_pod_that_is_not_admitted_hears_of_the_conditions_as_from_a_kubelet() -> None:
    found = pressure_admission.judge(pod(), {"MemoryPressure": "", "DiskPressure": ""}.keys())
    assert found == ("Evicted", "Pod was rejected: The node had condition: [DiskPressure MemoryPressure]. ")
