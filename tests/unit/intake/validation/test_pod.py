from __future__ import annotations

from typing import Any

import pytest

from edgelet.api.pod import Pod
from edgelet.intake.validation import pod
from tests import builders

C = builders.container_document
VOLUME = {"name": "v", "emptyDir": {}}


def _faults(document: dict[str, Any]) -> list[str]:
    return [str(fault) for fault in pod.check(Pod.model_validate(document), node_name="board")]


def _of(*containers: dict[str, Any], **spec: Any) -> list[str]:
    return _faults(builders.complete_pod_document("web", *containers, **spec))


def _with(name: str, value: Any) -> list[str]:
    return _of(C(**{name: value}))


def test_a_plain_pod_has_no_faults() -> None:
    assert _of() == []


def test_all_faults_are_told_at_once() -> None:
    found = _of(C("A", ports=[{"containerPort": 0}]), C("b", image=""), hostname="x.y", activeDeadlineSeconds=0)

    assert [fault.partition(": ")[0] for fault in found] == [
        "spec.containers[0].name",
        "spec.containers[0].ports[0].containerPort",
        "spec.containers[1].image",
        "spec.hostname",
        "spec.activeDeadlineSeconds",
    ]


def test_a_port_out_of_range_says_the_range() -> None:
    found = _of(C("a"), C("b", ports=[{"containerPort": 1, "hostPort": 70000}]))

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

    assert any(found.startswith(fault) for found in _faults(document)), _faults(document)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"name": ""}, "name: Required value"),
        ({"name": "A"}, "name: Invalid value"),
        ({"image": " x"}, 'image: Invalid value: " x": must not have leading or trailing whitespace'),
        ({"ports": [{"containerPort": 1, "name": "1"}]}, "ports[0].name: Invalid value"),
        (
            {"ports": [{"containerPort": 1, "name": "a"}, {"containerPort": 2, "name": "a"}]},
            "ports[1].name: Duplicate value",
        ),
        ({"ports": [{"containerPort": 1, "hostIP": "x"}]}, "ports[0].hostIP: Invalid value"),
        (
            {"ports": [{"containerPort": 1, "hostPort": 5}, {"containerPort": 2, "hostPort": 5}]},
            'ports[1].hostPort: Duplicate value: "TCP/5"',
        ),
        ({"env": [{"name": ""}]}, "env[0].name: Required value"),
        ({"env": [{"name": "a=b"}]}, "env[0].name: Invalid value"),
        ({"env": [{"name": "A", "valueFrom": {}}]}, "env[0].valueFrom: Invalid value: must specify one of"),
        (
            {"env": [{"name": "A", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]},
            "env[0].valueFrom: Invalid value: may not be specified when `value` is not empty",
        ),
        (
            {"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "status.phase"}}}]},
            'env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "status.phase"',
        ),
        (
            {"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['a b']"}}}]},
            "env[0].valueFrom.fieldRef.fieldPath: Invalid value",
        ),
        (
            {"env": [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.gpu"}}}]},
            "env[0].valueFrom.resourceFieldRef.resource: Unsupported value",
        ),
        (
            {"env": [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1Ki"}}}]},
            'env[0].valueFrom.resourceFieldRef.divisor: Unsupported value: "1Ki"',
        ),
        (
            {"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "", "key": ""}}}]},
            "env[0].valueFrom.configMapKeyRef.name: Required value",
        ),
        (
            {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "a/b"}}}]},
            "env[0].valueFrom.secretKeyRef.key: Invalid value",
        ),
        (
            {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"key": "a"}, "configMapKeyRef": {"key": "a"}}}]},
            "env[0].valueFrom: Invalid value: may not have more than one",
        ),
        ({"envFrom": [{}]}, "envFrom[0]: Invalid value: must specify one of"),
        ({"envFrom": [{"configMapRef": {"name": "A"}}]}, "envFrom[0].configMapRef.name: Invalid value"),
        ({"envFrom": [{"prefix": "a=", "secretRef": {"name": "a"}}]}, "envFrom[0].prefix: Invalid value"),
        ({"resources": {"limits": {"cpu": "-1"}}}, "resources.limits[cpu]: Invalid value"),
        (
            {"resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}},
            'resources.requests[cpu]: Invalid value: "2": must be less than or equal to cpu limit of 1',
        ),
        ({"resources": {"limits": {"gpu": "1"}}}, "resources.limits[gpu]: Invalid value"),
        ({"resources": {"limits": {"example.com/x": "1.5"}}}, "resources.limits[example.com/x]: Invalid value"),
        ({"volumeMounts": [{"name": "nope", "mountPath": "/x"}]}, 'volumeMounts[0].name: Not found: "nope"'),
        ({"volumeMounts": [{"name": "v", "mountPath": ""}]}, "volumeMounts[0].mountPath: Required value"),
        ({"volumeMounts": [{"name": "v", "mountPath": "/a:b"}]}, "volumeMounts[0].mountPath: Invalid value"),
        (
            {"volumeMounts": [{"name": "v", "mountPath": "/x"}, {"name": "v", "mountPath": "/x"}]},
            'volumeMounts[1].mountPath: Invalid value: "/x": must be unique',
        ),
        (
            {"volumeMounts": [{"name": "v", "mountPath": "/x", "subPath": "../y"}]},
            "volumeMounts[0].subPath: Invalid value",
        ),
        (
            {"volumeMounts": [{"name": "v", "mountPath": "/x", "subPath": "/y"}]},
            "volumeMounts[0].subPath: Invalid value",
        ),
        (
            {"volumeMounts": [{"name": "v", "mountPath": "/x", "subPath": "y", "subPathExpr": "z"}]},
            "volumeMounts[0].subPathExpr: Invalid value",
        ),
        (
            {"volumeMounts": [{"name": "v", "mountPath": "/x", "mountPropagation": "Bidirectional"}]},
            "volumeMounts[0].mountPropagation: Forbidden",
        ),
        (
            {"volumeMounts": [{"name": "v", "mountPath": "/x", "recursiveReadOnly": "Enabled"}]},
            "volumeMounts[0].recursiveReadOnly: Forbidden",
        ),
        ({"volumeDevices": [{"name": "nope", "devicePath": "/x"}]}, "volumeDevices[0].name: Not found"),
        (
            {"restartPolicyRules": [{"action": "Restart", "exitCodes": {"operator": "In", "values": [1]}}]},
            "restartPolicy: Required value",
        ),
        (
            {"restartPolicy": "Never", "restartPolicyRules": [{"action": "Restart"}]},
            "restartPolicyRules[0].exitCodes: Required",
        ),
        (
            {
                "restartPolicy": "Never",
                "restartPolicyRules": [{"action": "Restart", "exitCodes": {"operator": "In", "values": [256]}}],
            },
            "restartPolicyRules[0].exitCodes.values[0]: 256 is not in 0..255",
        ),
        ({"livenessProbe": {}}, "livenessProbe: Required value: must specify a handler type"),
        ({"livenessProbe": {"exec": {}}}, "livenessProbe.exec.command: Required value"),
        (
            {"livenessProbe": {"exec": {"command": ["x"]}, "tcpSocket": {"port": 1}}},
            "livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type",
        ),
        ({"livenessProbe": {"tcpSocket": {"port": 0}}}, "livenessProbe.tcpSocket.port: 0 is not in 1..65535"),
        ({"livenessProbe": {"httpGet": {"port": "A"}}}, "livenessProbe.httpGet.port: Invalid value"),
        (
            {"livenessProbe": {"httpGet": {"port": 1, "httpHeaders": [{"name": "a b"}]}}},
            "livenessProbe.httpGet.httpHeaders[0].name: Invalid value",
        ),
        ({"livenessProbe": {"grpc": {"port": 70000}}}, "livenessProbe.grpc.port: 70000 is not in"),
        (
            {"livenessProbe": {"tcpSocket": {"port": 1}, "successThreshold": 2}},
            "livenessProbe.successThreshold: Invalid value: 2: must be 1",
        ),
        (
            {"startupProbe": {"tcpSocket": {"port": 1}, "successThreshold": 2}},
            "startupProbe.successThreshold: Invalid value: 2: must be 1",
        ),
        (
            {"readinessProbe": {"tcpSocket": {"port": 1}, "terminationGracePeriodSeconds": 2}},
            "readinessProbe.terminationGracePeriodSeconds: Invalid value",
        ),
        (
            {"readinessProbe": {"tcpSocket": {"port": 1}, "periodSeconds": -1}},
            "readinessProbe.periodSeconds: -1 is not in",
        ),
        ({"lifecycle": {"preStop": {}}}, "lifecycle.preStop: Required value: must specify a handler type"),
        ({"lifecycle": {"preStop": {"sleep": {"seconds": 31}}}}, "lifecycle.preStop.sleep.seconds: Invalid value: 31"),
        (
            {"securityContext": {"privileged": True, "allowPrivilegeEscalation": False}},
            "securityContext: Invalid value",
        ),
        (
            {"securityContext": {"capabilities": {"add": ["CAP_SYS_ADMIN"]}, "allowPrivilegeEscalation": False}},
            "securityContext: Invalid value",
        ),
        ({"securityContext": {"procMount": "Unmasked"}}, "securityContext.procMount: Invalid value"),
    ],
)
def test_a_container_breaks_a_rule(fields: dict[str, Any], fault: str) -> None:
    found = _of(C(**fields), volumes=[VOLUME])

    assert any(one.startswith(f"spec.containers[0].{fault}") for one in found), found


@pytest.mark.parametrize("name", ["livenessProbe", "readinessProbe", "startupProbe"])
def test_a_plain_init_container_has_no_probes(name: str) -> None:
    probe = {"exec": {"command": ["true"]}}

    plain = _of(initContainers=[C("i", **{name: probe})])
    sidecar = _of(initContainers=[C("i", restartPolicy="Always", **{name: probe})])

    detail = "may not be set for init containers without restartPolicy=Always"
    assert plain == [f"spec.initContainers[0].{name}: Forbidden: {detail}"]
    assert sidecar == []


@pytest.mark.parametrize(
    ("volume", "fault"),
    [
        ({"name": ""}, "name: Required value"),
        ({"name": "A"}, "name: Invalid value"),
        ({"emptyDir": {}, "hostPath": {"path": "/x"}}, "hostPath: Forbidden: may not specify more than 1 volume type"),
        ({"emptyDir": {"sizeLimit": "-1"}}, "emptyDir.sizeLimit: Invalid value"),
        ({"emptyDir": {"medium": "Paper"}}, "emptyDir.medium: Unsupported value"),
        ({"hostPath": {"path": ""}}, "hostPath.path: Required value"),
        ({"hostPath": {"path": "/a/../b"}}, "hostPath.path: Invalid value"),
        ({"configMap": {}}, "configMap.name: Required value"),
        ({"configMap": {"name": "m", "defaultMode": 512}}, "configMap.defaultMode: Invalid value: 512"),
        ({"configMap": {"name": "m", "items": [{"key": "", "path": "p"}]}}, "configMap.items[0].key: Required value"),
        (
            {"configMap": {"name": "m", "items": [{"key": "k", "path": "../p"}]}},
            "configMap.items[0].path: Invalid value",
        ),
        (
            {"configMap": {"name": "m", "items": [{"key": "k", "path": "..p"}]}},
            "configMap.items[0].path: Invalid value",
        ),
        ({"configMap": {"name": "m", "items": [{"key": "k", "path": "/p"}]}}, "configMap.items[0].path: Invalid value"),
        ({"secret": {}}, "secret.secretName: Required value"),
        (
            {"secret": {"secretName": "s", "items": [{"key": "k", "path": "p", "mode": -1}]}},
            "secret.items[0].mode: Invalid",
        ),
        ({"downwardAPI": {"items": [{"path": "p"}]}}, "downwardAPI.items[0]: Required value: one of fieldRef"),
        (
            {"downwardAPI": {"items": [{"path": "p", "fieldRef": {"fieldPath": "status.podIP"}}]}},
            "downwardAPI.items[0].fieldRef.fieldPath: Unsupported value",
        ),
        (
            {"downwardAPI": {"items": [{"path": "p", "resourceFieldRef": {"resource": "limits.cpu"}}]}},
            "downwardAPI.items[0].resourceFieldRef.containerName: Required value",
        ),
        ({"projected": {"sources": [{}]}}, "projected.sources[0]: Required value"),
        (
            {"projected": {"sources": [{"configMap": {"name": "m"}, "secret": {"name": "s"}}]}},
            "projected.sources[0].configMap: Forbidden: may not specify more than 1",
        ),
        (
            {
                "projected": {
                    "sources": [
                        {"configMap": {"name": "m", "items": [{"key": "a", "path": "p"}]}},
                        {"secret": {"name": "s", "items": [{"key": "a", "path": "p"}]}},
                    ]
                }
            },
            'projected.sources[1].secret.items[0].path: Invalid value: "p": conflicting duplicate paths',
        ),
        (
            {"projected": {"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 1}}]}},
            "projected.sources[0].serviceAccountToken.expirationSeconds: 1 is not in",
        ),
        ({"persistentVolumeClaim": {"claimName": ""}}, "persistentVolumeClaim.claimName: Required value"),
        ({"image": {}}, "image.reference: Required value"),
    ],
)
def test_a_volume_breaks_a_rule(volume: dict[str, Any], fault: str) -> None:
    found = _of(volumes=[{"name": "v", **volume}])

    assert any(one.startswith(f"spec.volumes[0].{fault}") for one in found), found


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
    [found] = _of(affinity=affinity({"matchExpressions": [requirement]}))
    assert found.startswith(f"{path}[0].matchExpressions[0].{fault}")
    assert _of(affinity=affinity())[0].startswith(f"{path}: Required value")


def test_host_ports_may_differ_in_address_or_protocol() -> None:
    ports = [
        {"containerPort": 1, "hostPort": 5},
        {"containerPort": 1, "hostPort": 5, "protocol": "UDP"},
        {"containerPort": 1, "hostPort": 5, "hostIP": "1.2.3.4"},
    ]

    assert _with("ports", ports) == []


def test_search_paths_may_end_in_a_dot_and_hold_underscores() -> None:
    assert _of(dnsConfig={"searches": [".", "a.b.", "_tcp.x"]}) == []
