from __future__ import annotations

from typing import Any

import pytest

from edgelet.api.pod import Pod
from edgelet.pods import eviction_order
from edgelet.pods.eviction_order import Candidate, Used
from edgelet.ports.pod_eviction import Shortage
from tests.fakes.world import pod_document

MIB = 1 << 20
MEMORY = Shortage(resource="memory", threshold="100Mi", available="50Mi")
DISK = Shortage(resource="ephemeral-storage", threshold="10Gi", available="1Gi", parts={"logs"})
INODES = Shortage(resource="inodes", threshold="1k", available="10", parts={"logs"})
TASKS = Shortage(resource="pids", threshold="1k", available="10")


def container(name: str = "app", **requests: str) -> dict[str, Any]:
    return {"name": name, "image": "app:1", "resources": {"requests": requests}}


def pod(name: str, *containers: dict[str, Any], **spec: Any) -> Pod:
    document = pod_document(name, containers=list(containers or (container(),)), **spec)
    document["metadata"]["uid"] = f"u-{name}"
    return Pod.model_validate(document)


def order(shortage: Shortage, *known: tuple[Pod, int | None]) -> list[str]:
    used = {one.metadata.uid: Used(amount) for one, amount in known if amount is not None}
    found = eviction_order.ranked([Candidate(one, None) for one, _ in known], used, shortage)
    return [one.pod.metadata.name for one in found]


def test_for_memory_those_above_their_request_go_first_then_by_priority_then_by_how_much() -> None:
    assert order(
        MEMORY,
        (pod("within", container(memory="100Mi")), 100 * MIB),
        (pod("within-low", container(memory="100Mi"), priority=-1), 1 * MIB),
        (pod("above-high", container(memory="10Mi"), priority=10), 900 * MIB),
        (pod("above-little", container(memory="10Mi")), 20 * MIB),
        (pod("above-much", container(memory="200Mi")), 220 * MIB),
        (pod("best-effort"), 15 * MIB),
    ) == ["above-much", "best-effort", "above-little", "above-high", "within-low", "within"]


def test_one_that_cannot_be_measured_goes_before_all_others() -> None:
    assert order(MEMORY, (pod("big"), 500 * MIB), (pod("unknown", priority=9), None)) == ["unknown", "big"]


def test_critical_ones_never_go() -> None:
    static = pod("static").replace(
        metadata=pod("static").metadata.replace(annotations={"kubernetes.io/config.source": "file"})
    )
    critical = pod("critical", priority=2_000_000_000)
    assert order(MEMORY, (static, 900 * MIB), (critical, 900 * MIB), (pod("other", priority=1_999_999_999), 0)) == [
        "other"
    ]


def test_for_tasks_requests_count_for_nothing() -> None:
    assert order(
        TASKS, (pod("few"), 2), (pod("many", container(memory="1Gi")), 900), (pod("worth", priority=1), 5000)
    ) == ["many", "few", "worth"]


def test_for_disk_the_request_of_ephemeral_storage_counts() -> None:
    asked = pod("asked", container(**{"ephemeral-storage": "100Mi"}))
    assert order(DISK, (asked, 90 * MIB), (pod("none"), MIB)) == ["none", "asked"]
    assert order(DISK, (asked, 130 * MIB), (pod("none"), 20 * MIB)) == ["asked", "none"]


def test_for_inodes_any_use_is_beyond_the_request_and_the_request_of_bytes_is_taken_off() -> None:
    asked = pod("asked", container(**{"ephemeral-storage": "1Ki"}))
    assert order(INODES, (asked, 2000), (pod("none"), 1000), (pod("nothing"), 0)) == ["none", "asked", "nothing"]


@pytest.mark.parametrize(
    ("one", "used", "shortage", "more"),
    [
        (pod("p"), None, MEMORY, ""),
        (
            pod("p", container(memory="10Mi"), container("side")),
            Used(31 * MIB, {"app": 30 * MIB, "side": MIB + 4096, "debugger": MIB}),
            MEMORY,
            (
                "Container app was using 30Mi, request is 10Mi, has larger consumption of memory. "
                "Container side was using 1028Ki, request is 0, has larger consumption of memory. "
            ),
        ),
        (pod("p", container(memory="30Mi")), Used(30 * MIB, {"app": 30 * MIB}), MEMORY, ""),
        (
            pod("p", container(), resources={"requests": {"memory": "64Mi"}}),
            Used(30 * MIB, {"app": 30 * MIB}),
            MEMORY,
            (
                "Pod p was using 30Mi, request is 64Mi, has larger consumption of memory. "
                "Container app was using 30Mi, request is 0, has larger consumption of memory. "
            ),
        ),
        (
            pod("p"),
            Used(5 * MIB, {"app": 5 * MIB}),
            DISK,
            "Container app was using 5Mi, request is 0, has larger consumption of ephemeral-storage. ",
        ),
        (pod("p"), Used(500), TASKS, ""),
    ],
)
def test_the_words_are_the_kubelets(one: Pod, used: Used | None, shortage: Shortage, more: str) -> None:
    head = (
        f"The node was low on resource: {shortage.resource}. "
        f"Threshold quantity: {shortage.threshold}, available: {shortage.available}. "
    )
    assert eviction_order.message(one, used, shortage) == head + more


@pytest.mark.parametrize(
    ("own_s", "hard", "max_s", "grace_s"),
    [
        (30, True, 0, 1),
        (30, True, 60, 1),
        (30, False, 0, 30),
        (30, False, 10, 10),
        (30, False, 60, 30),
        (0, False, 0, 1),
    ],
)
def test_hard_leaves_a_second_and_soft_the_pods_own_grace_within_the_bound(
    own_s: int, max_s: float, grace_s: float, *, hard: bool
) -> None:
    shortage = Shortage(resource="memory", threshold="1", available="0", hard=hard, max_grace_s=max_s)
    found = eviction_order.eviction(pod("p", terminationGracePeriodSeconds=own_s), None, shortage)
    assert (found.reason, found.grace_s, found.disruption) == ("Evicted", grace_s, True)
