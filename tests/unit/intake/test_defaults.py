from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.api.quantity import Quantity
from edgelet.intake import defaults, image_reference
from tests import builders


def _spec(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    found: dict[str, Any] = builders.complete_pod_document("web", *containers, **spec)["spec"]
    return found


def test_a_pod_gets_what_a_real_api_server_shows() -> None:
    assert _spec(builders.container_document(ports=[{"containerPort": 80}])) == {
        "containers": [
            {
                "name": "c",
                "image": "localhost/testbox:1",
                "ports": [{"containerPort": 80, "protocol": "TCP"}],
                "resources": {},
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
                "imagePullPolicy": "IfNotPresent",
            }
        ],
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "securityContext": {},
        "schedulerName": "default-scheduler",
        "enableServiceLinks": True,
        "serviceAccountName": "default",
        "serviceAccount": "default",
    }


def test_what_is_said_stays() -> None:
    spec = _spec(restartPolicy="Never", terminationGracePeriodSeconds=0, enableServiceLinks=False, dnsPolicy="Default")

    assert spec["restartPolicy"] == "Never"
    assert spec["terminationGracePeriodSeconds"] == 0
    assert spec["enableServiceLinks"] is False
    assert spec["dnsPolicy"] == "Default"


def test_a_negative_grace_is_the_shortest_one() -> None:
    assert _spec(terminationGracePeriodSeconds=-5)["terminationGracePeriodSeconds"] == 1


def test_a_missing_request_is_the_limit_and_all_is_rounded_up_to_a_thousandth() -> None:
    resources = {"limits": {"cpu": "0.0005", "memory": "1Gi"}, "requests": {"memory": "1Mi"}}

    [container] = _spec(builders.container_document(resources=resources))["containers"]

    assert container["resources"] == {
        "limits": {"cpu": "1m", "memory": "1Gi"},
        "requests": {"cpu": "1m", "memory": "1Mi"},
    }


def test_on_the_host_network_a_container_port_is_a_host_port() -> None:
    container = builders.container_document(ports=[{"containerPort": 80}, {"containerPort": 81, "hostPort": 0}])
    init = builders.container_document("i", ports=[{"containerPort": 90}])

    spec = _spec(container, hostNetwork=True, initContainers=[init])

    assert [port["hostPort"] for port in spec["containers"][0]["ports"]] == [80, 81]
    assert spec["initContainers"][0]["ports"][0]["hostPort"] == 90


def test_probes_and_hooks_get_their_numbers() -> None:
    container = builders.container_document(
        livenessProbe={"httpGet": {"port": 80}, "timeoutSeconds": 0},
        readinessProbe={"grpc": {"port": 80}, "periodSeconds": 3},
        lifecycle={"preStop": {"httpGet": {"port": 80}}, "stopSignal": "SIGINT"},
    )

    [found] = _spec(container)["containers"]

    numbers = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
    assert found["livenessProbe"] == {"httpGet": {"port": 80, "path": "/", "scheme": "HTTP"}, **numbers}
    assert found["readinessProbe"] == {"grpc": {"port": 80, "service": ""}, **numbers, "periodSeconds": 3}
    assert found["lifecycle"]["preStop"]["httpGet"] == {"port": 80, "path": "/", "scheme": "HTTP"}


def test_volumes_get_their_modes_and_a_bare_name_is_an_empty_dir() -> None:
    volumes = [
        {"name": "a"},
        {"name": "b", "configMap": {"name": "x"}},
        {"name": "c", "secret": {"secretName": "x", "defaultMode": 0o400}},
        {"name": "d", "hostPath": {"path": "/x"}},
        {"name": "e", "downwardAPI": {"items": [{"path": "p", "fieldRef": {"fieldPath": "metadata.name"}}]}},
        {"name": "f", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
        {"name": "g", "image": {"reference": "x"}},
        {"name": "h", "downwardAPI": {}},
    ]

    found = {volume.pop("name"): volume for volume in _spec(volumes=volumes)["volumes"]}

    field = {"apiVersion": "v1", "fieldPath": "metadata.name"}
    assert found == {
        "a": {"emptyDir": {}},
        "b": {"configMap": {"name": "x", "defaultMode": 420}},
        "c": {"secret": {"secretName": "x", "defaultMode": 256}},
        "d": {"hostPath": {"path": "/x", "type": ""}},
        "e": {"downwardAPI": {"items": [{"path": "p", "fieldRef": field}], "defaultMode": 420}},
        "f": {
            "projected": {
                "sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}}],
                "defaultMode": 420,
            }
        },
        "g": {"image": {"reference": "x", "pullPolicy": "Always"}},
        "h": {"downwardAPI": {"defaultMode": 420}},
    }


def test_a_secret_is_opaque_and_its_texts_go_into_data() -> None:
    document = builders.secret_document(stringData={"a": "new"}, data={"a": "b2xk", "b": "Yg=="})

    assert defaults.complete(document) == builders.secret_document(type="Opaque", data={"a": "bmV3", "b": "Yg=="})


def test_a_namespace_carries_its_name_as_a_label() -> None:
    document = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}

    assert defaults.complete(document)["metadata"]["labels"] == {"kubernetes.io/metadata.name": "x"}


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1.25", "IfNotPresent"),
        ("registry:5000/nginx", "Always"),
        ("registry:5000/a/nginx:1", "IfNotPresent"),
        ("nginx@sha256:" + "0" * 64, "IfNotPresent"),
        ("nginx:latest@sha256:" + "0" * 64, "Always"),
        ("", "Always"),
    ],
)
def test_an_image_without_a_policy_is_asked_for_each_time_if_it_is_called_latest(image: str, policy: str) -> None:
    assert image_reference.pull_policy(image) == policy


@given(
    st.booleans(),
    st.sampled_from([{}, {"limits": {"cpu": "1"}}, {"requests": {"memory": "1.5Gi"}}]),
    st.sampled_from([[], [{"name": "v"}], [{"name": "v", "configMap": {"name": "m"}}]]),
)
def test_twice_is_once(host_network: bool, resources: Any, volumes: Any) -> None:
    container = builders.container_document(resources=copy.deepcopy(resources), ports=[{"containerPort": 1}])
    once = builders.complete_pod_document("p", container, hostNetwork=host_network, volumes=copy.deepcopy(volumes))

    assert defaults.complete(copy.deepcopy(once)) == once


def test_a_whole_pods_requests_are_those_of_its_containers_else_its_limits() -> None:
    amounts = {"requests": {"cpu": "100m"}}
    spec = defaults.complete(
        builders.pod_document(
            "web",
            builders.container_document("a", resources=copy.deepcopy(amounts)),
            builders.container_document("b", resources=copy.deepcopy(amounts)),
            resources={"limits": {"cpu": "1", "memory": "64Mi"}},
        )
    )["spec"]
    assert spec["resources"]["requests"] == {"cpu": "200m", "memory": "64Mi"}


def test_requests_of_a_pod_that_are_enormous_together_can_be_read_again() -> None:
    container = {"image": "a", "resources": {"requests": {"memory": "1e30"}}}
    spec = {
        "resources": {"requests": {"cpu": "1"}},
        "containers": [{**container, "name": "a"}, {**container, "name": "b"}],
    }
    complete = defaults.complete({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": spec})
    assert Quantity.parse(complete["spec"]["resources"]["requests"]["memory"]) == Quantity.parse("1e30")
