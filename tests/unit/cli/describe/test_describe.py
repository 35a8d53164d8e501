from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from edgelet.cli.describe import events, node, plain, pod, probes, prose
from edgelet.cli.describe.prose import Prose

NOW = datetime(2026, 1, 1, 1, 0, 0, tzinfo=UTC)
START = "2026-01-01T00:00:00Z"

POD: dict[str, Any] = {
    "metadata": {
        "name": "web", "namespace": "default", "labels": {"tier": "front", "app": "web"},
        "annotations": {"note": "hi", "lines": "a\nb"},
        "ownerReferences": [{"kind": "ReplicaSet", "name": "web-1", "controller": True}],
    },
    "spec": {
        "nodeName": "pi",
        "serviceAccountName": "default",
        "initContainers": [{"name": "first", "image": "busybox"}],
        "containers": [
            {
                "name": "web", "image": "nginx", "command": ["sh"], "args": ["-c", "sleep 1\nsleep 2"],
                "ports": [{"containerPort": 80, "hostPort": 8080, "protocol": "TCP"}, {"containerPort": 53}],
                "resources": {"limits": {"memory": "64Mi", "cpu": "1"}, "requests": {"cpu": "100m"}},
                "livenessProbe": {"httpGet": {"port": 80, "path": "/ok", "scheme": "HTTP"}, "timeoutSeconds": 2},
                "envFrom": [{"configMapRef": {"name": "all"}, "prefix": "P_"}, {"secretRef": {"name": "s"}}],
                "env": [
                    {"name": "A", "value": "b"},
                    {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                    {"name": "L", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
                    {"name": "M", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory"}}},
                    {"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}},
                ],
                "volumeMounts": [
                    {"mountPath": "/z", "name": "data", "subPath": "x"},
                    {"mountPath": "/a", "name": "cm", "readOnly": True},
                ],
            }
        ],
        "volumes": [{"name": "data", "emptyDir": {}}, {"name": "cm", "configMap": {"name": "settings"}}],
        "tolerations": [{"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}],
    },
    "status": {
        "phase": "Running", "hostIP": "10.0.0.1", "podIP": "10.1.0.2", "podIPs": [{"ip": "10.1.0.2"}],
        "startTime": START, "qosClass": "Burstable",
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [
            {
                "name": "web", "ready": True, "restartCount": 2, "containerID": "podman://1", "imageID": "sha256:2",
                "state": {"running": {"startedAt": START}},
                "lastState": {"terminated": {
                    "exitCode": 137, "signal": 9, "reason": "OOMKilled", "startedAt": START, "finishedAt": START,
                }},
            }
        ],
    },
}  # fmt: skip

POD_TEXT = """\
Name:             web
Namespace:        default
Service Account:  default
Node:             pi/10.0.0.1
Start Time:       Thu, 01 Jan 2026 00:00:00 +0000
Labels:           app=web
                  tier=front
Annotations:      lines:
                    a
                    b
                  note: hi
Status:           Running
IP:               10.1.0.2
IPs:
  IP:           10.1.0.2
Controlled By:  ReplicaSet/web-1
Init Containers:
  first:
    Image:        busybox
    Port:         <none>
    Host Port:    <none>
    Environment:  <none>
    Mounts:       <none>
Containers:
  web:
    Container ID:  podman://1
    Image:         nginx
    Image ID:      sha256:2
    Ports:         80/TCP, 53/TCP
    Host Ports:    8080/TCP, 0/TCP
    Command:
      sh
    Args:
      -c
      sleep 1
      sleep 2
    State:          Running
      Started:      Thu, 01 Jan 2026 00:00:00 +0000
    Last State:     Terminated
      Reason:       OOMKilled
      Exit Code:    137
      Signal:       9
      Started:      Thu, 01 Jan 2026 00:00:00 +0000
      Finished:     Thu, 01 Jan 2026 00:00:00 +0000
    Ready:          True
    Restart Count:  2
    Limits:
      cpu:     1
      memory:  64Mi
    Requests:
      cpu:     100m
    Liveness:  http-get http://:80/ok delay=0s timeout=2s period=10s #success=1 #failure=3
    Environment Variables from:
      all  ConfigMap with prefix 'P_'  Optional: false
      s    Secret                      Optional: false
    Environment:
      A:   b
      IP:  10.1.0.2 (v1:status.podIP)
      L:   web (v1:metadata.labels['app'])
      M:   64Mi (limits.memory)
      S:   <set to the key 'k' in secret 's'>  Optional: true
    Mounts:
      /a from cm (ro)
      /z from data (rw,path="x")
Conditions:
  Type    Status
  Ready   True 
Volumes:
  data:
    Type:       EmptyDir (a temporary directory that shares a pod's lifetime)
    Medium:     
    SizeLimit:  <unset>
  cm:
    Type:        ConfigMap (a volume populated by a ConfigMap)
    Name:        settings
    Optional:    false
QoS Class:       Burstable
Node-Selectors:  <none>
Tolerations:     k:NoExecute op=Exists for 300s
"""  # noqa: W291  kubectl leaves these spaces, too


def test_a_pod_is_described_in_kubectls_layout() -> None:
    text = Prose()
    pod.write(text, POD, now=NOW)
    assert text.text() == POD_TEXT


def test_a_pod_on_its_way_out_says_so() -> None:
    text = Prose()
    metadata = {"name": "web", "deletionTimestamp": START, "deletionGracePeriodSeconds": 30}
    pod.write(text, {"metadata": metadata, "status": {"phase": "Running", "reason": "R", "message": "M"}}, now=NOW)
    assert "Status:                    Terminating (lasts 60m)\nTermination Grace Period:  30s\n" in text.text()
    assert "Reason:                    R\nMessage:                   M\n" in text.text()


def test_events_are_sorted_and_counted() -> None:
    found: list[dict[str, Any]] = [
        {"type": "Warning", "reason": "BackOff", "message": "again\n", "count": 4, "source": {"component": "kubelet"},
         "firstTimestamp": START, "lastTimestamp": "2026-01-01T00:59:58Z"},
        {"type": "Normal", "reason": "Pulled", "message": "here", "reportingComponent": "kubelet",
         "eventTime": "2026-01-01T00:58:00.000000Z"},
    ]  # fmt: skip
    assert events.text(found, now=NOW) == (
        "Events:\n"
        "  Type     Reason   Age               From     Message\n"
        "  ----     ------   ----              ----     -------\n"
        "  Normal   Pulled   2m                kubelet  here\n"
        "  Warning  BackOff  2s (x4 over 60m)  kubelet  again\n"
    )
    assert events.text([], now=NOW) == "Events:  <none>\n"


@pytest.mark.parametrize(
    ("probe", "text"),
    [
        ({"exec": {"command": ["cat", "/x"]}}, "exec [cat /x] "),
        ({"tcpSocket": {"port": 80}}, "tcp-socket :80 "),
        ({"grpc": {"port": 80, "service": "s"}}, "grpc <pod>:80 s "),
        ({"httpGet": {"port": "web", "host": "h", "path": "/", "scheme": "HTTPS"}}, "http-get https://h:web/ "),
        ({}, "unknown "),
    ],
)
def test_a_probe_is_one_line(probe: dict[str, Any], text: str) -> None:
    assert probes.text(probe) == text + "delay=0s timeout=1s period=10s #success=1 #failure=3"


def test_a_node_tells_capacity_conditions_and_its_pods() -> None:
    text = Prose()
    document = {
        "metadata": {"name": "pi", "creationTimestamp": START},
        "spec": {"taints": [{"key": "a", "value": "b", "effect": "NoSchedule"}]},
        "status": {
            "capacity": {"memory": "1Gi", "cpu": "4"},
            "conditions": [{"type": "Ready", "status": "True", "reason": "Ok", "message": "all well"}],
            "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
            "nodeInfo": {"bootID": "b1"},
        },
    }
    ended = {"metadata": {"name": "old"}, "status": {"phase": "Failed"}}
    node.write(text, document, pods=[POD, ended])
    lines = [" ".join(line.split()) for line in text.text().splitlines()]
    for line in ("Taints: a=b:NoSchedule", "cpu: 4", "Boot ID: b1", "InternalIP: 10.0.0.1",
                 "Non-terminated Pods: (1 in total)", "default web 100m 1 0 64Mi"):  # fmt: skip
        assert line in lines
    assert any(line.startswith("Ready True <unknown>") for line in lines)


def test_a_secret_shows_sizes_only() -> None:
    text = Prose()
    plain.secret(text, {"metadata": {"name": "s"}, "data": {"key": "aHVudGVyMg==", "bad": "%"}})
    assert "key:  7 bytes" in text.text()
    assert "hunter2" not in text.text()
    assert "aHVu" not in text.text()


def test_a_config_map_shows_its_texts() -> None:
    text = Prose()
    plain.config_map(text, {"metadata": {"name": "c"}, "data": {"a": "one\ntwo"}, "binaryData": {"b": "AAAA"}})
    assert "a:\n----\none\ntwo\n" in text.text()
    assert "b: 3 bytes" in text.text()


def test_any_other_kind_is_a_tree_of_its_fields() -> None:
    text = Prose()
    plain.anything(text, {"kind": "Job", "metadata": {"name": "j"}, "spec": {"podIP": "x", "list": [1, {"a": 2}]}})
    assert "Pod IP:  x" in text.text()
    assert "Kind:         Job" in text.text()


@pytest.mark.parametrize(("timestamp", "text"), [(START, "Thu, 01 Jan 2026 00:00:00 +0000"), (None, "<unknown>")])
def test_a_moment_is_written_out(timestamp: object, text: str) -> None:
    assert prose.moment(timestamp) == text


def test_long_annotations_are_cut() -> None:
    text = Prose()
    text.annotations({"a": "x" * 500, "kubectl.kubernetes.io/last-applied-configuration": "{}"})
    assert text.text() == "Annotations:  a:\n                " + "x" * 140 + "...\n"
