from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.pods import qos
from tests.unit.pods.pod_documents import GIB, pod


def container(
    name: str = "c", *, requests: dict[str, str] | None = None, limits: dict[str, str] | None = None, **more: Any
) -> dict[str, Any]:
    return {"name": name, "image": "i", "resources": {"requests": requests or {}, "limits": limits or {}}} | more


FULL = {"cpu": "1", "memory": "1Gi"}


@pytest.mark.parametrize(
    ("containers", "init", "expected"),
    [
        ([container()], [], "BestEffort"),
        ([container(requests={"ephemeral-storage": "1Gi"})], [], "BestEffort"),
        ([container(requests={"cpu": "0", "memory": "0"})], [], "BestEffort"),
        ([container(requests=FULL, limits=FULL)], [], "Guaranteed"),
        ([container(requests={"cpu": "1000m", "memory": "1024Mi"}, limits=FULL)], [], "Guaranteed"),
        ([container(requests=FULL, limits=FULL), container("d")], [], "Burstable"),
        ([container(requests=FULL, limits=FULL)], [container("i")], "Burstable"),
        ([container(requests=FULL, limits=FULL)], [container("i", requests=FULL, limits=FULL)], "Guaranteed"),
        ([container(requests={"cpu": "1"}, limits={"cpu": "1"})], [], "Burstable"),
        ([container(requests={"cpu": "500m", "memory": "1Gi"}, limits=FULL)], [], "Burstable"),
        ([container(limits=FULL)], [], "Burstable"),
        ([container(requests=FULL)], [], "Burstable"),
    ],
)
def test_the_class_follows_requests_and_limits(
    containers: list[dict[str, Any]], init: list[dict[str, Any]], expected: str
) -> None:
    assert qos.qos_class(pod(*containers, initContainers=init)) == expected


def test_pod_level_resources_decide_alone() -> None:
    assert qos.qos_class(pod(container(), resources={"requests": FULL, "limits": FULL})) == "Guaranteed"
    assert qos.qos_class(pod(container(requests=FULL, limits=FULL), resources={"limits": FULL})) == "Burstable"


def score(*containers: dict[str, Any], index: int = 0, **spec: Any) -> int:
    one = pod(*containers, **spec)
    return qos.oom_score_adj(one, one.spec.containers[index], memory_capacity_bytes=4 * GIB)


def test_scores_of_the_outer_classes_are_fixed() -> None:
    assert score(container()) == 1000
    assert score(container(requests=FULL, limits=FULL)) == -997
    assert score(container(), priorityClassName="system-node-critical") == -997


@pytest.mark.parametrize(("memory", "expected"), [("1Gi", 750), ("4Gi", 3), ("400Gi", 3), ("1Ki", 999), ("0", 999)])
def test_a_burstable_score_falls_with_the_memory_request(memory: str, expected: int) -> None:
    assert score(container(requests={"cpu": "1", "memory": memory})) == expected


def test_a_sidecar_is_never_killed_before_its_app() -> None:
    side = container("s", requests={"memory": "4Mi"}, restartPolicy="Always")
    greedy = container("t", requests={"memory": "3Gi"}, restartPolicy="Always")
    one = pod(
        container(requests={"memory": "1Gi"}), container("d", requests={"memory": "2Gi"}), initContainers=[side, greedy]
    )
    scores = [qos.oom_score_adj(one, init, memory_capacity_bytes=4 * GIB) for init in one.spec.init_containers]
    assert scores == [750, 250]


def test_a_pod_level_request_is_shared_out() -> None:
    assert score(container(), container("d"), resources={"requests": {"memory": "2Gi"}}) == 750


@given(st.integers(min_value=0, max_value=2**50), st.integers(min_value=0, max_value=2**40))
def test_a_burstable_score_is_always_between_the_outer_classes(request_bytes: int, capacity_bytes: int) -> None:
    one = pod(container(requests={"cpu": "1", "memory": str(request_bytes)}))
    assert 3 <= qos.oom_score_adj(one, one.spec.containers[0], memory_capacity_bytes=capacity_bytes) <= 999
