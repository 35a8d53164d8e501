from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

import pytest

from edgelet.network import pod_names
from edgelet.network.pod_names import NamedPod


def document(
    name: str = "web", namespace: str = "default", ip: str = "10.77.0.2", phase: str = "Running", **spec: Any
) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
        "status": {"phase": phase, "podIP": ip, "podIPs": [{"ip": ip}]},
    }


def answers(*documents: dict[str, Any]) -> dict[str, list[str]]:
    """Return who is found under each name."""
    found = dict[str, list[str]]()
    named = [one for one in map(pod_names.named, documents) if one]
    for entry in pod_names.entries(named):
        for name in entry.names:
            found.setdefault(name, []).append(str(entry.address))
    return found


def test_a_pod_has_a_name_of_its_address_one_with_its_namespace_and_its_own() -> None:
    assert answers(document()) == {name: ["10.77.0.2"] for name in ("10-77-0-2.default.pod", "web.default", "web")}


def test_host_name_and_subdomain_together_are_a_name_among_services() -> None:
    found = answers(document(hostname="db-0", subdomain="db"), document("two", ip="10.77.0.3", hostname="db-1"))
    assert found["db-0.db.default.svc"] == ["10.77.0.2"]
    assert not [name for name in found if "db-1" in name]


def test_pods_with_one_host_name_and_subdomain_are_all_found_under_it() -> None:
    same = {"hostname": "db", "subdomain": "all"}
    found = answers(document("a", **same), document("b", ip="10.77.0.3", **same))
    assert found["db.all.default.svc"] == ["10.77.0.2", "10.77.0.3"]


@pytest.mark.parametrize(
    "said",
    [
        {"hostnameOverride": "x.example", "hostname": "a", "subdomain": "b"},
        {"hostname": "a b", "subdomain": "c"},
        {"hostname": "a", "subdomain": "c,d"},
    ],
)
def test_a_host_name_that_is_none_here_is_no_name(said: dict[str, str]) -> None:
    assert not [name for name in answers(document(**said)) if name.endswith(".svc")]


@pytest.mark.parametrize(
    "without",
    [
        document(ip=""),
        document(ip="fd00::1"),
        document(hostNetwork=True),
        document(phase="Succeeded"),
        document(phase="Failed"),
        {"metadata": {"name": "web", "namespace": "default"}},
    ],
)
def test_without_an_address_of_its_own_or_at_its_end_a_pod_has_no_name(without: dict[str, Any]) -> None:
    assert pod_names.named(without) is None


def test_a_name_alone_is_that_of_the_namespace_default() -> None:
    found = answers(document(namespace="shop"), document(ip="10.77.0.3"), document(namespace="zoo", ip="10.77.0.4"))
    assert found["web"] == ["10.77.0.3"]
    assert found["web.shop"] == ["10.77.0.2"]


def test_a_name_alone_that_two_other_namespaces_have_leads_nowhere() -> None:
    found = answers(document(namespace="shop"), document(namespace="zoo", ip="10.77.0.4"))
    assert "web" not in found
    assert found["web.zoo"] == ["10.77.0.4"]
    assert answers(document(namespace="shop"))["web"] == ["10.77.0.2"]


def test_no_pod_can_take_a_name_of_the_world_or_of_a_service() -> None:
    assert "example.com" not in answers(document("example.com"))
    assert answers(document("example.com"))["example.com.default"] == ["10.77.0.2"]
    assert "web.svc" not in answers(document(namespace="svc"))
    assert "web.pod" not in answers(document(namespace="pod"))


def test_the_same_pods_in_any_order_are_the_same_entries() -> None:
    pods = [NamedPod(f"n{i % 3}", f"p{i}", IPv4Address(0x0A4D0002 + i)) for i in range(20)]
    expected = pod_names.entries(pods)
    for turn in range(len(pods)):
        assert pod_names.entries((*reversed(pods[turn:]), *pods[:turn])) == expected


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        ({"metadata": {}, "spec": {}}, True),
        (document(ip="", phase="Pending"), True),
        (document(), False),
        (document(ip="", phase="Failed"), False),
        (document(ip="", hostNetwork=True), False),
    ],
)
def test_an_address_is_expected_of_pods_that_may_get_one(pod: dict[str, Any], expected: bool) -> None:
    assert pod_names.expected(pod) is expected
