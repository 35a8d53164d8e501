"""Payloads are compared byte for byte with tests/golden/wire: a change there is a change of the protocol."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgelet.node import status_message, wire_topics
from edgelet.ports.object_store import Key, StoredObject

GOLDEN = Path(__file__).parents[2] / "golden" / "wire"
REFUSAL = {
    "apiVersion": "v1",
    "kind": "Status",
    "status": "Failure",
    "message": 'Pod "web" is invalid: spec.containers[0].ports[0].hostPort: must be between 1 and 65535, inclusive',
    "reason": "Invalid",
    "details": {
        "name": "web",
        "kind": "Pod",
        "causes": [
            {
                "reason": "FieldValueInvalid",
                "message": "must be between 1 and 65535, inclusive",
                "field": "spec.containers[0].ports[0].hostPort",
            }
        ],
    },
    "code": 422,
}


def stored(kind: str = "Pod", status: dict[str, Any] | None = None) -> StoredObject:
    metadata = {
        "name": "web",
        "namespace": "default",
        "uid": "5f2c8a4e-0000-4000-8000-000000000001",
        "generation": 2,
        "resourceVersion": "17",
        "creationTimestamp": "2026-01-02T03:04:05Z",
        "labels": {"app": "web"},
        "annotations": {"secret": "never told"},
    }
    document: dict[str, Any] = {"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": {"containers": []}}
    if status is not None:
        document["status"] = status
    return StoredObject(Key(kind, "default", "web"), metadata["uid"], 17, 2, "mqtt", "ab" * 32, document)  # type: ignore[arg-type]


RUNNING = {
    "phase": "Running",
    "observedGeneration": 2,
    "podIP": "10.88.0.5",
    "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-02T03:04:06Z"}],
}

BODIES = {
    "status-pod-running": status_message.of_object(stored(status=RUNNING), None),
    "status-pod-accepted": status_message.of_object(stored(), None),
    "status-pod-running-new-version-refused": status_message.of_object(stored(status=RUNNING), REFUSAL),
    "status-configmap": status_message.of_object(stored("ConfigMap"), None),
    "status-pod-refused": status_message.of_refusal(Key("Pod", "default", "web"), REFUSAL),
    "status-unknown-refused": status_message.of_refusal(None, REFUSAL),
    "cmdstatus-failed": {"phase": "Failed", "error": REFUSAL},
}


@pytest.mark.parametrize("name", sorted(BODIES))
def test_a_body_on_the_wire_is_the_golden_one(name: str) -> None:
    payload = status_message.encode(BODIES[name], boot_id="9d1f", seq=42)
    assert json.loads(payload) == json.loads((GOLDEN / f"{name}.json").read_text())
    assert b"never told" not in payload
    assert b": " not in payload.split(b'"message"')[0]


@pytest.mark.parametrize("state", ["online", "offline", "lost"])
def test_presence_on_the_wire_is_the_golden_one(state: str) -> None:
    payload = status_message.online(state, boot_id="9d1f", connection=3, since="2026-01-02T03:04:05Z")
    assert json.loads(payload) == json.loads((GOLDEN / f"online-{state}.json").read_text())


def test_every_golden_file_has_its_test() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == {*BODIES, "online-online", "online-offline", "online-lost"}


def test_heartbeats_and_versions_are_no_difference() -> None:
    one = {
        "status": {"conditions": [{"type": "Ready", "lastHeartbeatTime": "1"}]},
        "metadata": {"resourceVersion": "1"},
    }
    two = {
        "metadata": {"resourceVersion": "2"},
        "status": {"conditions": [{"lastHeartbeatTime": "2", "type": "Ready"}]},
    }
    assert status_message.digest(one) == status_message.digest(two)
    assert status_message.digest({**one, "x": 1}) != status_message.digest(one)


@pytest.mark.parametrize(
    ("key", "topic"),
    [
        (Key("Pod", "default", "web"), "status/pods/default/web"),
        (Key("Namespace", "", "shop"), "status/namespaces/shop"),
        (Key("ConfigMap", "shop", "a.b"), "status/configmaps/shop/a.b"),
    ],
)
def test_topics_and_keys_are_two_spellings(key: Key, topic: str) -> None:
    assert wire_topics.of_object(key) == topic
    assert wire_topics.key_of(topic) == key


@pytest.mark.parametrize("topic", ["", "status", "status/online", "status/node", "status/widgets/a/b", "status/pods/x"])
def test_other_topics_have_no_key(topic: str) -> None:
    assert wire_topics.key_of(topic) is None


@pytest.mark.parametrize(
    ("topic", "mirror"),
    [
        ("desired/pods/default/web", "status/pods/default/web"),
        ("desired/index", "status/index"),
        ("cmd/exec/1", "cmdstatus/exec/1"),
        ("sync", None),
        ("desired/", None),
        ("desired/" + "x" * 2000, None),
    ],
)
def test_a_refusal_is_told_at_the_mirror_topic(topic: str, mirror: str | None) -> None:
    assert wire_topics.of_refusal(topic) == mirror


@pytest.mark.parametrize(("source", "told"), [("mqtt", "ab" * 32), ("file", ""), ("api", "")])
def test_of_a_secret_that_the_broker_did_not_send_it_learns_no_digest(source: str, told: str) -> None:
    body = status_message.of_object(replace(stored("Secret"), source=source), None)
    assert body["appliedDigest"] == told
    assert status_message.of_object(replace(stored("ConfigMap"), source=source), None)["appliedDigest"] == "ab" * 32
