from __future__ import annotations

from typing import Any

import pytest

from tests import builders
from tests.unit.intake.validation.pod_faults import VOLUME, C, faults, faults_of, faults_with


def test_a_plain_pod_has_no_faults() -> None:
    assert faults_of() == []


def test_all_faults_are_told_at_once() -> None:
    found = faults_of(C("A", ports=[{"containerPort": 0}]), C("b", image=""), hostname="x.y", activeDeadlineSeconds=0)

    assert [fault.partition(": ")[0] for fault in found] == [
        "spec.containers[0].name",
        "spec.containers[0].ports[0].containerPort",
        "spec.containers[1].image",
        "spec.hostname",
        "spec.activeDeadlineSeconds",
    ]


def test_a_port_out_of_range_says_the_range() -> None:
    found = faults_of(C("a"), C("b", ports=[{"containerPort": 1, "hostPort": 70000}]))

    assert found == ["spec.containers[1].ports[0].hostPort: 70000 is not in 1..65535"]


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ({"containers": []}, "spec.containers: Required value"),
        ({"containers": [C(), C()]}, 'spec.containers[1].name: Duplicate value: "c"'),
        ({"initContainers": [C()]}, 'spec.containers[0].name: Duplicate value: "c"'),
        ({"volumes": [VOLUME, VOLUME]}, 'spec.volumes[1].name: Duplicate value: "v"'),
        ({"ephemeralContainers": [C("e")]}, "spec.ephemeralContainers: Forbidden: cannot be set on create"),
        (
            {"containers": [C(resizePolicy=[{"resourceName": "gpu", "restartPolicy": "NotRequired"}])]},
            'spec.containers[0].resizePolicy[0]: Unsupported value: "gpu"',
        ),
        (
            {
                "restartPolicy": "Never",
                "containers": [C(resizePolicy=[{"resourceName": "cpu", "restartPolicy": "RestartContainer"}])],
            },
            'spec.containers[0].resizePolicy[0].restartPolicy: Invalid value: "RestartContainer": must be',
        ),
        (
            {"initContainers": [C("i", resizePolicy=[{"resourceName": "cpu", "restartPolicy": "NotRequired"}])]},
            "spec.initContainers[0].resizePolicy: Invalid value",
        ),
        (
            {
                "resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "1"}},
                "containers": [C(resources={"requests": {"cpu": "2"}})],
            },
            'spec.resources.requests[cpu]: Invalid value: "1": must be greater than or equal to aggregate container',
        ),
        (
            {"resources": {"limits": {"cpu": "1"}}, "containers": [C(resources={"limits": {"cpu": "2"}})]},
            'spec.containers[0].resources.limits[cpu]: Invalid value: "2": must be less than or equal to pod limits',
        ),
        ({"activeDeadlineSeconds": 0}, "spec.activeDeadlineSeconds: 0 is not in 1..2147483647"),
        (
            {"nodeName": "other"},
            'spec.nodeName: Invalid value: "other": this node is "board" and takes pods for itself',
        ),
        ({"hostname": "a.b"}, "spec.hostname: Invalid value"),
        ({"subdomain": "A"}, "spec.subdomain: Invalid value"),
        ({"serviceAccountName": "A"}, "spec.serviceAccountName: Invalid value"),
        ({"hostnameOverride": "Not_Valid"}, "spec.hostnameOverride: Invalid value"),
        (
            {"hostnameOverride": "x", "hostNetwork": True},
            "spec.hostnameOverride: Forbidden: may not be set when hostNetwork",
        ),
        ({"hostnameOverride": "x", "setHostnameAsFQDN": True}, "spec.hostnameOverride: Forbidden"),
        ({"hostnameOverride": "a" * 65}, "spec.hostnameOverride: Too long: may not be more than 64 bytes"),
        ({"nodeSelector": {"a b": "x"}}, "spec.nodeSelector: Invalid value"),
        ({"imagePullSecrets": [{}]}, "spec.imagePullSecrets[0].name: Required value"),
        ({"readinessGates": [{"conditionType": "a b"}]}, "spec.readinessGates[0].conditionType: Invalid value"),
        ({"shareProcessNamespace": True, "hostPID": True}, "spec.shareProcessNamespace: Invalid value: true"),
        ({"hostUsers": False, "hostNetwork": True}, "spec.hostNetwork: Forbidden: when `hostUsers` is false"),
        ({"os": {"name": "plan9"}}, 'spec.os.name: Unsupported value: "plan9"'),
        ({"tolerations": [{"operator": "Equal"}]}, "spec.tolerations[0].operator: Invalid value"),
        ({"tolerations": [{"key": "a", "operator": "x"}]}, "spec.tolerations[0].operator: Unsupported value"),
        ({"tolerations": [{"operator": "Exists", "value": "x"}]}, "spec.tolerations[0].value: Invalid value"),
        (
            {"tolerations": [{"operator": "Exists", "tolerationSeconds": 1}]},
            "spec.tolerations[0].effect: Invalid value",
        ),
        ({"dnsPolicy": "None"}, "spec.dnsConfig: Required value: must provide at least one DNS nameserver"),
        ({"dnsConfig": {"nameservers": ["x"]}}, "spec.dnsConfig.nameservers[0]: Invalid value"),
        ({"dnsConfig": {"nameservers": ["1.1.1.1"] * 4}}, "spec.dnsConfig.nameservers: Too long"),
        ({"dnsConfig": {"searches": ["a b"]}}, "spec.dnsConfig.searches[0]: Invalid value"),
        ({"dnsConfig": {"searches": ["a"] * 33}}, "spec.dnsConfig.searches: Too long"),
        ({"dnsConfig": {"options": [{}]}}, "spec.dnsConfig.options[0]: Required value"),
        ({"hostAliases": [{"ip": "x"}]}, "spec.hostAliases[0].ip: Invalid value"),
        ({"hostAliases": [{"ip": "1.1.1.1", "hostnames": ["a b"]}]}, "spec.hostAliases[0].hostnames[0]: Invalid value"),
        ({"securityContext": {"runAsUser": -1}}, "spec.securityContext.runAsUser: -1 is not in 0..2147483647"),
        ({"securityContext": {"fsGroup": 2**31}}, "spec.securityContext.fsGroup: 2147483648 is not in"),
        ({"securityContext": {"supplementalGroups": [-1]}}, "spec.securityContext.supplementalGroups[0]: -1 is not in"),
        ({"securityContext": {"sysctls": [{"name": "A", "value": "1"}]}}, "spec.securityContext.sysctls[0].name"),
        (
            {"securityContext": {"sysctls": [{"name": "a.b", "value": "1"}, {"name": "a/b", "value": "1"}]}},
            'spec.securityContext.sysctls[1].name: Duplicate value: "a/b"',
        ),
        (
            {"securityContext": {"seccompProfile": {"type": "Localhost"}}},
            "spec.securityContext.seccompProfile.localhostProfile: Required value",
        ),
        (
            {"securityContext": {"seccompProfile": {"type": "Localhost", "localhostProfile": "../x"}}},
            "spec.securityContext.seccompProfile.localhostProfile: Invalid value: \"../x\": must not contain '..'",
        ),
        (
            {"securityContext": {"appArmorProfile": {"type": "Localhost", "localhostProfile": "unconfined"}}},
            'spec.securityContext.appArmorProfile.localhostProfile: Invalid value: "unconfined": is no profile',
        ),
        ({"resources": {"limits": {"cpu": "-1"}}}, "spec.resources.limits[cpu]: Invalid value"),
        (
            {"containers": [C(resources={"limits": {"hugepages-2Mi": "2Mi"}, "requests": {"hugepages-2Mi": "2Mi"}})]},
            "spec.containers[0].resources: Forbidden: HugePages require cpu or memory",
        ),
        (
            {"containers": [C(resources={"limits": {"cpu": "1", "hugepages-2Mi": "3Mi"}})]},
            'spec.containers[0].resources.limits[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer',
        ),
        (
            {"containers": [C(resources={"limits": {"cpu": "1", "hugepages-big": "2Mi"}})]},
            "spec.containers[0].resources.limits[hugepages-big]: Invalid value",
        ),
        (
            {"containers": [C(resources={"limits": {"hugepages-2Mi": "4Mi"}, "requests": {"hugepages-2Mi": "2Mi"}})]},
            'spec.containers[0].resources.requests[hugepages-2Mi]: Invalid value: "2Mi": must be equal to',
        ),
    ],
)
def test_a_pod_breaks_a_rule(spec: dict[str, Any], fault: str) -> None:
    containers = spec.pop("containers", [C()])
    document = builders.complete_pod_document("web", C(), **spec)
    document["spec"]["containers"] = builders.complete_pod_document("x", *(containers or [C()]))["spec"]["containers"]
    if not containers:
        document["spec"]["containers"] = []

    assert any(found.startswith(fault) for found in faults(document)), faults(document)


@pytest.mark.parametrize(
    ("requirement", "fault"),
    [
        ({"key": "a b", "operator": "Exists"}, "key: Invalid value"),
        ({"key": "a", "operator": "In"}, "values: Required value"),
        ({"key": "a", "operator": "Exists", "values": ["x"]}, "values: Forbidden"),
        ({"key": "a", "operator": "Gt", "values": ["1", "2"]}, "values: Required value"),
    ],
)
def test_node_affinity_that_counts_has_rules(requirement: dict[str, Any], fault: str) -> None:
    def affinity(*terms: Any) -> dict[str, Any]:
        required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}
        return {"nodeAffinity": required}

    path = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
    [found] = faults_of(affinity=affinity({"matchExpressions": [requirement]}))
    assert found.startswith(f"{path}[0].matchExpressions[0].{fault}")
    assert faults_of(affinity=affinity())[0].startswith(f"{path}: Required value")


def test_host_ports_may_differ_in_address_or_protocol() -> None:
    ports = [
        {"containerPort": 1, "hostPort": 5},
        {"containerPort": 1, "hostPort": 5, "protocol": "UDP"},
        {"containerPort": 1, "hostPort": 5, "hostIP": "1.2.3.4"},
    ]

    assert faults_with("ports", ports) == []


def test_search_paths_may_end_in_a_dot_and_hold_underscores() -> None:
    assert faults_of(dnsConfig={"searches": [".", "a.b.", "_tcp.x"]}) == []
