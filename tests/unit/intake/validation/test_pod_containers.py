from __future__ import annotations

from typing import Any

import pytest

from tests.unit.intake.validation.pod_faults import VOLUME, C, faults_of


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
    found = faults_of(C(**fields), volumes=[VOLUME])

    assert any(one.startswith(f"spec.containers[0].{fault}") for one in found), found


@pytest.mark.parametrize("name", ["livenessProbe", "readinessProbe", "startupProbe"])
def test_a_plain_init_container_has_no_probes(name: str) -> None:
    probe = {"exec": {"command": ["true"]}}

    plain = faults_of(initContainers=[C("i", **{name: probe})])
    sidecar = faults_of(initContainers=[C("i", restartPolicy="Always", **{name: probe})])

    detail = "may not be set for init containers without restartPolicy=Always"
    assert plain == [f"spec.initContainers[0].{name}: Forbidden: {detail}"]
    assert sidecar == []
