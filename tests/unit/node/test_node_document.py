from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from edgelet.api.node import Node
from edgelet.node import node_document
from edgelet.node.node_document import Engine, Reserved, SeenNode
from edgelet.ports.images import ImageInfo
from tests.fakes.host import FACTS, USAGE

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SEEN = SeenNode(
    facts=FACTS,
    usage=USAGE,
    addresses=("192.168.1.10", "2001:db8::5"),
    images=(),
    agent_version="0.1.0",
    engine=Engine(name="podman", version="4.3.1"),
)


def conditions(status: Any) -> dict[str, dict[str, Any]]:
    return {condition["type"]: condition for condition in status["conditions"]}


def test_the_document_is_a_node_as_kubernetes_knows_it() -> None:
    document = dict(node_document.desired("pi-01", FACTS, labels={"room": "kitchen"}))
    document["status"] = node_document.status(SEEN, previous=None, now=NOW)
    node = Node.model_validate(document)
    assert node.to_document()["status"]["nodeInfo"] | {"kubeProxyVersion": ""} == document["status"]["nodeInfo"]
    assert node.metadata.labels == {
        "kubernetes.io/arch": "arm64",
        "kubernetes.io/hostname": "pi-01",
        "kubernetes.io/os": "linux",
        "room": "kitchen",
    }
    assert document["status"]["addresses"] == [
        {"type": "InternalIP", "address": "192.168.1.10"},
        {"type": "InternalIP", "address": "2001:db8::5"},
        {"type": "Hostname", "address": "pi-01"},
    ]
    assert document["status"]["nodeInfo"]["kubeletVersion"] == "edgelet/0.1.0"
    assert document["status"]["nodeInfo"]["containerRuntimeVersion"] == "podman://4.3.1"


def test_huge_pages_are_told_by_size_and_are_no_memory_for_anything_else() -> None:
    facts = replace(FACTS, huge_pages={2 << 20: 64 << 20, 1 << 30: 0})
    status = node_document.status(replace(SEEN, facts=facts), previous=None, now=NOW)
    pages = {"hugepages-1Gi": "0", "hugepages-2Mi": "64Mi"}
    for part in ("capacity", "allocatable"):
        assert {name: text for name, text in status[part].items() if name.startswith("hugepages")} == pages
    assert (status["capacity"]["memory"], status["allocatable"]["memory"]) == ("4Gi", "3932Mi")


def test_labels_of_the_settings_win() -> None:
    labels = node_document.desired("pi", FACTS, labels={"kubernetes.io/hostname": "mine"})["metadata"]["labels"]
    assert labels["kubernetes.io/hostname"] == "mine"


def test_allocatable_is_capacity_without_what_is_reserved() -> None:
    status = node_document.status(SEEN, previous=None, now=NOW)
    assert status["capacity"] == {"cpu": "4", "ephemeral-storage": "31250000Ki", "memory": "4Gi", "pods": "110"}
    assert status["allocatable"] == {"cpu": "4", "ephemeral-storage": "28125000Ki", "memory": "3996Mi", "pods": "110"}
    reserved = Reserved(milli_cpu=500, memory_bytes=8 * 1024**3, pods_max=10)
    status = node_document.status(replace(SEEN, reserved=reserved), previous=None, now=NOW)
    assert (status["allocatable"]["cpu"], status["allocatable"]["memory"]) == ("3500m", "0")
    assert status["capacity"]["pods"] == "10"


def test_a_healthy_board_is_ready_without_pressure() -> None:
    status = node_document.status(SEEN, previous=None, now=NOW)
    assert [(c["type"], c["status"], c["reason"]) for c in status["conditions"]] == [
        ("MemoryPressure", "False", "KubeletHasSufficientMemory"),
        ("DiskPressure", "False", "KubeletHasNoDiskPressure"),
        ("FlashWritePressure", "False", "WithinWriteBudget"),
        ("PolicyFault", "False", "PolicyUsable"),
        ("PIDPressure", "False", "KubeletHasSufficientPID"),
        ("Ready", "True", "KubeletReady"),
    ]
    assert conditions(status)["Ready"]["message"] == "edgelet is posting ready status"


def test_a_board_that_writes_too_much_says_how_much() -> None:
    seen = replace(SEEN, flash_pressure="edgelet wrote more than 20 MB")
    found = conditions(node_document.status(seen, previous=None, now=NOW))["FlashWritePressure"]
    assert (found["status"], found["reason"]) == ("True", "WriteBudgetExceeded")
    assert found["message"] == "edgelet wrote more than 20 MB"


def test_a_board_whose_policy_cannot_be_used_says_why() -> None:
    found = conditions(node_document.status(replace(SEEN, policy_fault="line 3"), previous=None, now=NOW))
    assert (found["PolicyFault"]["status"], found["PolicyFault"]["reason"]) == ("True", "PolicyUnusable")
    assert found["PolicyFault"]["message"] == "line 3"
    assert found["Ready"]["status"] == "True"


def test_a_state_that_cannot_be_written_is_a_condition_while_it_is_so() -> None:
    found = conditions(node_document.status(replace(SEEN, state_trouble="read-only"), previous=None, now=NOW))
    assert (found["StateUnwritable"]["status"], found["StateUnwritable"]["reason"]) == ("True", "WriteRefused")
    assert found["StateUnwritable"]["message"] == "read-only"
    assert found["Ready"]["status"] == "True"
    assert "StateUnwritable" not in conditions(node_document.status(SEEN, previous=None, now=NOW))


def test_secrets_that_cannot_be_read_are_a_condition_while_it_is_so() -> None:
    found = conditions(node_document.status(replace(SEEN, secret_trouble="no key"), previous=None, now=NOW))
    assert (found["SecretsUnreadable"]["status"], found["SecretsUnreadable"]["message"]) == ("True", "no key")
    assert "SecretsUnreadable" not in conditions(node_document.status(SEEN, previous=None, now=NOW))


@pytest.mark.parametrize(
    ("type_", "reason", "message"),
    [
        ("MemoryPressure", "KubeletHasInsufficientMemory", "edgelet has insufficient memory available: words"),
        ("DiskPressure", "KubeletHasDiskPressure", "edgelet has disk pressure: words"),
        ("PIDPressure", "KubeletHasInsufficientPID", "edgelet has insufficient PID available: words"),
    ],
)
def test_what_the_node_is_short_of_is_a_condition(type_: str, reason: str, message: str) -> None:
    seen = replace(SEEN, pressures={type_: "words"})
    found = conditions(node_document.status(seen, previous=None, now=NOW))
    assert (found[type_]["status"], found[type_]["reason"], found[type_]["message"]) == ("True", reason, message)
    others = {"MemoryPressure", "DiskPressure", "PIDPressure"} - {type_}
    assert {found[one]["status"] for one in others} == {"False"}
    assert found["Ready"]["status"] == "True"


def test_transition_times_move_only_when_a_condition_flips() -> None:
    first = node_document.status(SEEN, previous=None, now=NOW)
    later = NOW + timedelta(minutes=5)
    ill = replace(SEEN, not_ready="Podman does not answer", engine=None)
    second = node_document.status(ill, previous=first, now=later)
    ready, memory = conditions(second)["Ready"], conditions(second)["MemoryPressure"]
    assert (ready["status"], ready["reason"], ready["message"]) == (
        "False",
        "KubeletNotReady",
        "Podman does not answer",
    )
    assert ready["lastTransitionTime"] == ready["lastHeartbeatTime"] == "2026-01-02T03:09:05Z"
    assert memory["lastTransitionTime"] == "2026-01-02T03:04:05Z"
    assert memory["lastHeartbeatTime"] == "2026-01-02T03:09:05Z"


def test_a_heartbeat_alone_is_no_news() -> None:
    first = node_document.status(SEEN, previous=None, now=NOW)
    second = node_document.status(SEEN, previous=first, now=NOW + timedelta(minutes=5))
    assert first != second
    assert node_document.without_heartbeat(first) == node_document.without_heartbeat(second)
    ill = node_document.status(replace(SEEN, not_ready="why"), previous=first, now=NOW)
    assert node_document.without_heartbeat(first) != node_document.without_heartbeat(ill)


def test_the_fifty_largest_images_are_told_with_five_names_each() -> None:
    images = tuple(
        ImageInfo(f"sha256:{n}", tuple(f"img-{n}:{t}" for t in range(9)), (f"img-{n}@sha256:{n}",), n, "arm64")
        for n in range(80)
    )
    told = node_document.status(replace(SEEN, images=images), previous=None, now=NOW)["images"]
    assert len(told) == 50
    assert told[0] == {
        "names": ["img-79@sha256:79", "img-79:0", "img-79:1", "img-79:2", "img-79:3"],
        "sizeBytes": 79,
    }


def test_where_desired_state_is_signed_the_node_says_whether_it_is_fresh() -> None:
    assert "DesiredStateStale" not in conditions(node_document.status(SEEN, previous=None, now=NOW))
    fresh = conditions(node_document.status(replace(SEEN, stale=""), previous=None, now=NOW))["DesiredStateStale"]
    assert (fresh["status"], fresh["reason"]) == ("False", "IndexInForce")
    stale = conditions(node_document.status(replace(SEEN, stale="words"), previous=None, now=NOW))["DesiredStateStale"]
    assert (stale["status"], stale["reason"], stale["message"]) == ("True", "IndexStale", "words")
