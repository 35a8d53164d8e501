from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edgelet.api.pod import Pod
from edgelet.pods import node_admission
from edgelet.pods.node_admission import Room

ROOM = Room(name="board", labels={"kubernetes.io/os": "linux", "ram": "8"}, cpu_milli=2000, memory_bytes=1000, pods=3)


def pod(name: str = "p", *, phase: str | None = None, **spec: Any) -> Pod:
    spec.setdefault("containers", [{"name": "c", "image": "i"}])
    document: dict[str, Any] = {"metadata": {"name": name, "namespace": "default", "uid": name}, "spec": spec}
    if phase:
        document["status"] = {"phase": phase}
    return Pod.model_validate(document)


def with_port(name: str, port: int, *, host_ip: str = "", protocol: str = "TCP", phase: str | None = None) -> Pod:
    ports = [{"containerPort": 80, "hostPort": port, "protocol": protocol, **({"hostIP": host_ip} if host_ip else {})}]
    return pod(name, phase=phase, containers=[{"name": "c", "image": "i", "ports": ports}])


def with_requests(name: str, **requests: str) -> Pod:
    return pod(name, containers=[{"name": "c", "image": "i", "resources": {"requests": requests}}])


def reason(one: Pod, *others: Pod) -> str | None:
    found = node_admission.judge(one, others, ROOM)
    return found[0] if found else None


def test_a_plain_pod_is_taken() -> None:
    assert reason(pod()) is None


def test_labels_decide() -> None:
    assert reason(pod(nodeSelector={"kubernetes.io/os": "linux"})) is None
    assert reason(pod(nodeSelector={"no-such": "x"})) == "NodeAffinity"


@pytest.mark.parametrize(
    ("expression", "taken"),
    [
        ({"key": "ram", "operator": "In", "values": ["4", "8"]}, True),
        ({"key": "ram", "operator": "NotIn", "values": ["8"]}, False),
        ({"key": "gpu", "operator": "NotIn", "values": ["yes"]}, True),
        ({"key": "gpu", "operator": "Exists"}, False),
        ({"key": "gpu", "operator": "DoesNotExist"}, True),
        ({"key": "ram", "operator": "Gt", "values": ["4"]}, True),
        ({"key": "ram", "operator": "Lt", "values": ["8"]}, False),
        ({"key": "kubernetes.io/os", "operator": "Gt", "values": ["4"]}, False),
    ],
)
def test_required_affinity_decides(expression: dict[str, Any], *, taken: bool) -> None:
    terms = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
    assert (reason(pod(affinity=affinity)) is None) == taken


def test_a_taken_port_is_refused() -> None:
    assert reason(with_port("a", 80), with_port("b", 80)) == "NodePorts"
    assert reason(with_port("a", 80, protocol="UDP"), with_port("b", 80)) is None
    assert reason(with_port("a", 80, host_ip="10.0.0.1"), with_port("b", 80, host_ip="10.0.0.2")) is None
    assert reason(with_port("a", 80, host_ip="10.0.0.1"), with_port("b", 80)) == "NodePorts"
    assert reason(with_port("a", 80), with_port("b", 80, phase="Succeeded")) is None


def test_requests_must_fit_beside_the_others() -> None:
    assert reason(with_requests("a", cpu="2")) is None
    assert reason(with_requests("a", cpu="2001m")) == "OutOfcpu"
    assert reason(with_requests("a", cpu="1500m"), with_requests("b", cpu="1")) == "OutOfcpu"
    assert reason(with_requests("a", memory="1001")) == "OutOfmemory"


def test_huge_pages_must_fit_by_size_however_it_is_written() -> None:
    room = replace(ROOM, huge_pages={"hugepages-2Mi": 4 << 20, "hugepages-1Gi": 0})

    def judged(one: Pod, *others: Pod) -> tuple[str, str] | None:
        return node_admission.judge(one, others, room)

    four, two = with_requests("a", **{"hugepages-2Mi": "4Mi"}), with_requests("b", **{"hugepages-2048Ki": "2Mi"})
    assert judged(four) is None
    assert judged(two) is None
    assert judged(four, with_requests("c", **{"hugepages-2Mi": "2Mi"})) == (
        "OutOfhugepages-2Mi",
        (
            "Pod was rejected: Node didn't have enough resource: hugepages-2Mi, "
            "requested: 4194304, used: 2097152, capacity: 4194304"
        ),
    )
    for name in ("hugepages-1Gi", "hugepages-3Mi"):
        assert (judged(with_requests("d", **{name: "3Gi"})) or ("",))[0] == f"OutOf{name}"


def test_the_number_of_pods_is_bounded() -> None:
    assert reason(pod("a"), pod("b"), pod("c"), pod("d")) == "OutOfpods"
    assert reason(pod("a"), pod("b"), pod("c"), pod("d", phase="Failed")) is None


def test_the_message_names_the_amounts() -> None:
    found = node_admission.judge(with_requests("a", cpu="3"), (with_requests("b", cpu="1"),), ROOM)
    assert found is not None
    assert (
        found[1]
        == "Pod was rejected: Node didn't have enough resource: cpu, requested: 3000, used: 1000, capacity: 2000"
    )


@pytest.mark.parametrize(
    ("spec", "name", "taken"),
    [
        ({}, "net.ipv4.tcp_syncookies", True),
        ({"hostNetwork": True}, "net.ipv4.tcp_syncookies", False),
        ({"hostNetwork": True}, "net/ipv4/tcp_syncookies", False),
        ({"hostNetwork": True}, "kernel.shm_rmid_forced", True),
        ({"hostIPC": True}, "kernel.shm_rmid_forced", False),
        ({"hostIPC": True}, "net.ipv4.tcp_syncookies", True),
    ],
)
def test_a_sysctl_of_a_namespace_that_is_the_nodes_is_forbidden(
    spec: dict[str, Any], name: str, *, taken: bool
) -> None:
    one = pod(securityContext={"sysctls": [{"name": name, "value": "1"}]}, **spec)
    assert reason(one) == (None if taken else "SysctlForbidden")


@pytest.mark.parametrize(("kind", "needs"), [("RuntimeDefault", True), ("Localhost", True), ("Unconfined", False)])
@pytest.mark.parametrize("of_pod", [True, False])
def test_without_apparmor_nobody_is_promised_to_be_confined_by_it(kind: str, *, needs: bool, of_pod: bool) -> None:
    profile = {"type": kind, **({"localhostProfile": "p"} if kind == "Localhost" else {})}
    context = {"securityContext": {"appArmorProfile": profile}}
    container = {"name": "c", "image": "i"}
    one = (
        pod(securityContext=context["securityContext"])
        if of_pod
        else pod(initContainers=[{**container, **context}], containers=[container])
    )
    assert reason(one) is None
    found = node_admission.judge(one, (), replace(ROOM, apparmor=False))
    assert found == (
        ("AppArmor", "Pod was rejected: Cannot enforce AppArmor: AppArmor is not enabled on the host")
        if needs
        else None
    )
