from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edgelet.api.errors import EdgeletError
from edgelet.pods import pod_hostname, sandbox_spec
from edgelet.pods.pod_hostname import PodHostname
from edgelet.ports.runtime import PodRef, PortMapping, SandboxSpec
from tests.unit.pods.pod_documents import NODE, UID, pod

RESOLV_CONF = "nameserver 192.0.2.53\nsearch lan.example\noptions edns0\n"


def spec(*containers: dict[str, Any], text: str = "", **more: Any) -> SandboxSpec:
    return sandbox_spec.resolve(pod(*containers, **more), attempt=1, node=NODE, resolv_conf_text=text).spec


def hostname(**more: Any) -> PodHostname:
    return pod_hostname.of(pod(**more), cluster_domain="cluster.local")


def test_a_plain_pod_leaves_names_to_the_host() -> None:
    assert spec() == SandboxSpec(pod=PodRef(UID, "ns", "p"), hostname="p", qos="BestEffort", cpu_shares=2, attempt=1)
    assert not sandbox_spec.needs_resolv_conf(pod(), node=NODE)


def test_the_pod_weighs_what_its_containers_ask_for_together() -> None:
    container = {"resources": {"requests": {"cpu": "250m"}}}
    found = spec(container, {"name": "b", **container})
    assert (found.qos, found.cpu_shares) == ("Burstable", 512)


def test_namespaces_are_shared_as_the_pod_says() -> None:
    found = spec(hostNetwork=True, hostPID=True, hostIPC=True, shareProcessNamespace=True)
    assert (found.host_network, found.host_pid, found.host_ipc, found.share_process_namespace) == (True,) * 4


def test_host_ports_of_apps_and_sidecars_are_mapped() -> None:
    ports = [
        {"containerPort": 80, "hostPort": 8080},
        {"containerPort": 53, "hostPort": 53, "protocol": "UDP", "hostIP": "127.0.0.1"},
        {"containerPort": 99},
    ]
    init = [
        {"name": "i", "image": "i", "ports": [{"containerPort": 1, "hostPort": 1}]},
        {"name": "s", "image": "i", "restartPolicy": "Always", "ports": [{"containerPort": 2, "hostPort": 2}]},
    ]
    expected = (PortMapping(80, 8080), PortMapping(53, 53, "UDP", "127.0.0.1"), PortMapping(2, 2))
    assert spec({"ports": ports}, initContainers=init).ports == expected
    assert spec({"ports": ports}, hostNetwork=True).ports == ()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("net.ipv4.tcp_syncookies", "net.ipv4.tcp_syncookies"),
        ("net/ipv4/conf/eth0.1/x", "net.ipv4.conf.eth0/1.x"),
        ("net.ipv4.conf.eth0/1.x", "net.ipv4.conf.eth0/1.x"),
    ],
)
def test_sysctls_have_one_spelling(name: str, expected: str) -> None:
    assert spec(securityContext={"sysctls": [{"name": name, "value": "1"}]}).sysctls == {expected: "1"}


def test_dns_config_is_added_to_the_hosts_resolver() -> None:
    config = {
        "nameservers": ["192.0.2.53", "192.0.2.1"],
        "searches": ["my.example"],
        "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}],
    }
    found = spec(text=RESOLV_CONF, dnsPolicy="Default", dnsConfig=config)
    assert found.dns_servers == ("192.0.2.53", "192.0.2.1")
    assert found.dns_searches == ("lan.example", "my.example")
    assert found.dns_options == ("edns0", "ndots:2")


def test_policy_none_takes_nothing_from_the_host() -> None:
    found = spec(text=RESOLV_CONF, dnsPolicy="None", dnsConfig={"nameservers": ["192.0.2.1"]})
    assert (found.dns_servers, found.dns_searches, found.dns_options) == (("192.0.2.1",), (".",), ())


def test_a_board_with_cluster_dns_searches_the_namespace_first() -> None:
    node = replace(NODE, cluster_dns=("10.96.0.10",))
    with_host_network: dict[str, Any] = {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}
    for more in ({}, with_host_network):
        found = sandbox_spec.resolve(pod(**more), attempt=0, node=node, resolv_conf_text=RESOLV_CONF).spec
        assert found.dns_servers == ("10.96.0.10",)
        assert found.dns_searches == ("ns.svc.cluster.local", "svc.cluster.local", "cluster.local", "lan.example")
        assert found.dns_options == ("ndots:5",)
    assert not sandbox_spec.needs_resolv_conf(pod(hostNetwork=True), node=node)


def test_too_much_dns_is_cut_and_told() -> None:
    config = {
        "nameservers": [f"192.0.2.{number}" for number in range(5)],
        "searches": [f"{'x' * 60}.{number}.example" for number in range(40)] + ["y" * 254],
    }
    found = sandbox_spec.resolve(pod(dnsPolicy="None", dnsConfig=config), attempt=0, node=NODE)
    assert len(found.spec.dns_servers) == 3
    assert len(" ".join(found.spec.dns_searches)) <= 2048
    assert [warning.split(",")[0] for warning in found.warnings] == [
        "Nameserver limits were exceeded",
        "Search Line limits were exceeded",
    ]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, PodHostname("p", "", "p")),
        ({"hostname": "h"}, PodHostname("h", "", "h")),
        ({"hostname": "h", "subdomain": "s"}, PodHostname("h", "s.ns.svc.cluster.local", "h")),
        (
            {"hostname": "h", "subdomain": "s", "setHostnameAsFQDN": True},
            PodHostname("h", "s.ns.svc.cluster.local", "h.s.ns.svc.cluster.local"),
        ),
        ({"setHostnameAsFQDN": True}, PodHostname("p", "", "p")),
        ({"hostname": "h", "subdomain": "s", "hostnameOverride": "o.x"}, PodHostname("o.x", "", "o.x")),
        ({"metadata": {"name": "n" * 62 + ".b"}}, PodHostname("n" * 62, "", "n" * 62)),
        ({"metadata": {"name": "n" * 80}}, PodHostname("n" * 63, "", "n" * 63)),
        ({"metadata": {"name": "n" * 60 + "-.-" + "m" * 9}}, PodHostname("n" * 60, "", "n" * 60)),
    ],
)
def test_names_follow_the_kubelets_rules(more: dict[str, Any], expected: PodHostname) -> None:
    assert hostname(**more) == expected


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"hostname": "H_"}, "pod Hostname"),
        ({"subdomain": "a.b"}, "pod Subdomain"),
        ({"hostnameOverride": "Not_Valid"}, "pod HostnameOverride"),
        (
            {"hostname": "h" * 50, "subdomain": "s", "setHostnameAsFQDN": True},
            r"is too long \(64 characters is the max, 73 characters requested\)",
        ),
    ],
)
def test_a_name_that_cannot_be_keeps_the_sandbox_from_being_made(more: dict[str, Any], message: str) -> None:
    with pytest.raises(EdgeletError, match=message) as caught:
        hostname(**more)
    assert caught.value.reason == "FailedCreatePodSandBox"
    assert not caught.value.message.startswith("Failed to create pod sandbox")  # the event begins with that


def test_the_limits_of_the_whole_pod_are_the_sandboxs() -> None:
    whole = {"limits": {"cpu": "500m", "memory": "64Mi"}}
    spec = sandbox_spec.resolve(pod(resources=whole), attempt=0, node=NODE).spec
    assert (spec.cpu_quota_us, spec.memory_limit_bytes) == (50_000, 64 << 20)
    assert sandbox_spec.resolve(pod(), attempt=0, node=NODE).spec.cpu_quota_us == 0
