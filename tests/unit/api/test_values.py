from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from edgelet.api import conditions
from edgelet.api.conditions import Condition
from edgelet.api.container import Container
from edgelet.api.node import DaemonEndpoint
from edgelet.api.pod import Pod
from edgelet.api.pod_status import ContainerStatus
from edgelet.api.secret import Secret
from edgelet.api.time import parse
from edgelet.api.value import camel_case
from tests import builders


@pytest.mark.parametrize(
    ("attribute", "spelling"),
    [
        ("host_ip", "hostIP"),
        ("pod_ips", "podIPs"),
        ("host_pid", "hostPID"),
        ("host_ipc", "hostIPC"),
        ("container_id", "containerID"),
        ("boot_id", "bootID"),
        ("system_uuid", "systemUUID"),
        ("set_hostname_as_fqdn", "setHostnameAsFQDN"),
        ("downward_api", "downwardAPI"),
        ("scale_io", "scaleIO"),
        ("api_version", "apiVersion"),
        ("uid", "uid"),
        ("os", "os"),
    ],
)
def test_spells_acronyms_as_kubernetes(attribute: str, spelling: str) -> None:
    assert camel_case(attribute) == spelling


def test_a_document_survives_the_way_through_a_value() -> None:
    document = builders.complete_pod_document(
        "web",
        builders.container_document(
            ports=[{"containerPort": 80, "hostIP": "1.2.3.4", "hostPort": 8080}],
            resources={"limits": {"cpu": "500m", "memory": "1Gi"}},
        ),
        volumes=[{"name": "v", "emptyDir": {}}],
        hostIPC=True,
    )

    shown = Pod.model_validate(document).to_document()
    shown.pop("status")

    assert shown == document


def test_an_empty_sub_object_stays_and_an_empty_list_goes() -> None:
    pod = builders.pod(volumes=[{"name": "v", "emptyDir": {}}], tolerations=[])

    spec = pod.to_document()["spec"]

    assert spec["volumes"] == [{"name": "v", "emptyDir": {}}]
    assert "tolerations" not in spec


def test_a_container_status_always_says_whether_it_is_ready() -> None:
    document = ContainerStatus(name="c").to_document()

    assert document == {
        "name": "c", "state": {}, "lastState": {}, "ready": False, "restartCount": 0, "image": "", "imageID": ""
    }  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [
        {"name": 1},
        {"name": "c", "env": [{"name": "A", "value": 1}]},
        {"name": "c", "env": [{"name": "A", "value": True}]},
        {"name": "c", "ports": [{"containerPort": "80"}]},
        {"name": "c", "ports": [{"containerPort": 80.0}]},
        {"name": "c", "ports": [{"containerPort": True}]},
        {"name": "c", "stdin": "yes"},
        {"name": "c", "stdin": 1},
        {"name": "c", "args": "abc"},
        {"name": "c", "args": {"a": "b"}},
        {"name": "c", "livenessProbe": {"httpGet": {"port": True}}},
    ],
)
def test_types_are_strict(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Container.model_validate(fields)


def test_values_are_frozen() -> None:
    container = Container(name="c")

    with pytest.raises(ValidationError):
        container.name = "d"  # type: ignore[misc]


def test_replace_gives_another_value() -> None:
    container = Container(name="c")

    assert container.replace(image="x").image == "x"
    assert container.image is None


def test_a_secret_does_not_show_its_values() -> None:
    secret = Secret.model_validate(builders.secret_document(data={"k": "aHVudGVyMg=="}, stringData={"p": "hunter2"}))

    assert "hunter2" not in f"{secret!r} {secret}"
    assert "aHVudGVyMg" not in f"{secret!r} {secret}"


def test_the_one_field_of_kubernetes_with_a_capital() -> None:
    assert DaemonEndpoint(port=1).to_document() == {"Port": 1}


def test_a_condition_keeps_its_time_until_its_status_flips() -> None:
    early, late = parse("2026-01-01T00:00:00Z"), parse("2026-01-02T00:00:00Z")
    old = (Condition(type="Ready", status="True", last_transition_time=early),)

    same = conditions.merge(old, (Condition(type="Ready", status="True", reason="X", last_transition_time=late),))
    flipped = conditions.merge(old, (Condition(type="Ready", status="False", last_transition_time=late),))

    assert [(one.last_transition_time, one.reason) for one in same] == [(early, "X")]
    assert flipped[0].last_transition_time == late
    assert conditions.is_true(same, "Ready")
    assert not conditions.is_true(flipped, "Ready")
    assert conditions.find(old, "Other") is None


def test_the_vocabulary_imports_nothing_but_pydantic() -> None:
    code = (
        "import sys, edgelet.api.pod, edgelet.api.node, edgelet.api.event;"
        "print([m for m in sys.modules if m.startswith('edgelet.') and not m.startswith('edgelet.api')]"
        " + [m for m in ('asyncio', 'yaml', 'sqlite3') if m in sys.modules])"
    )

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "[]"
