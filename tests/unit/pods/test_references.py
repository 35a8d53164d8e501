from __future__ import annotations

import pytest

from edgelet.api.config_map import ConfigMap
from edgelet.api.secret import Secret
from edgelet.pods import references
from edgelet.ports.object_store import Key
from tests.unit.pods.pod_documents import pod


def test_every_reference_of_containers_and_mounted_volumes_is_found() -> None:
    container = {
        "envFrom": [{"configMapRef": {"name": "c1"}}, {"secretRef": {"name": "s1", "optional": True}}],
        "env": [
            {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c2", "key": "k"}}},
            {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s2", "key": "k"}}},
            {"name": "C", "value": "x"},
        ],
        "volumeMounts": [{"name": name, "mountPath": f"/{name}"} for name in ("v1", "v2", "v3")],
    }
    volumes = [
        {"name": "v1", "configMap": {"name": "c3"}},
        {"name": "v2", "secret": {"secretName": "s3"}},
        {"name": "v3", "projected": {"sources": [{"configMap": {"name": "c4"}}, {"secret": {"name": "s4"}}]}},
        {"name": "unused", "configMap": {"name": "c5"}},
    ]
    init = [{"name": "i", "envFrom": [{"configMapRef": {"name": "c6"}}]}]
    found = references.of(pod(container, volumes=volumes, initContainers=init, imagePullSecrets=[{"name": "s5"}]))
    assert found == {Key("ConfigMap", "ns", f"c{n}") for n in (1, 2, 3, 4, 6)} | {
        Key("Secret", "ns", f"s{n}") for n in (1, 2, 3, 4, 5)
    }


def test_a_pod_without_references_watches_nothing() -> None:
    assert references.of(pod()) == frozenset()


def test_texts_and_binaries_of_a_config_map_are_bytes() -> None:
    found = references.config_map_data(ConfigMap(data={"a": "ä"}, binary_data={"b": "3q3K\n/w=="}))
    assert found == {"a": "ä".encode(), "b": b"\xde\xad\xca\xff"}


def test_a_value_that_is_no_base64_names_its_key_and_never_its_content() -> None:
    with pytest.raises(ValueError, match=r"^the value of key k is not base64$"):
        references.secret_data(Secret(data={"k": "hush!"}))
