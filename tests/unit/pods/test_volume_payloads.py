from __future__ import annotations

import re
from typing import Any

import pytest

from edgelet.pods import volume_payloads
from tests.unit.pods.pod_documents import NODE, ObjectTable, pod

OBJECTS = ObjectTable({"cfg": {"a": "1", "b": "2"}}, {"sec": {"s": b"\x00\xff"}})


def files(source: dict[str, Any], *, objects: ObjectTable = OBJECTS, **more: Any) -> dict[str, tuple[bytes, int]]:
    one = pod(more.pop("container", {}), volumes=[{"name": "v"} | source], **more)
    found = volume_payloads.files(one.spec.volumes[0], one, objects=objects, node=NODE)
    return {path: (file.data, file.mode) for path, file in found.items()}


def test_every_key_is_a_file_of_the_default_mode() -> None:
    assert files({"configMap": {"name": "cfg"}}) == {"a": (b"1", 0o644), "b": (b"2", 0o644)}
    assert files({"secret": {"secretName": "sec", "defaultMode": 0o400}}) == {"s": (b"\x00\xff", 0o400)}
    assert files({"configMap": {"name": "cfg", "defaultMode": 0}})["a"] == (b"1", 0)


def test_binary_data_is_among_the_files() -> None:
    objects = ObjectTable({"cfg": {"a": "1"}})
    objects.binaries["cfg"] = {"bin": b"\xde\xad"}
    assert files({"configMap": {"name": "cfg"}}, objects=objects)["bin"] == (b"\xde\xad", 0o644)


def test_items_choose_keys_paths_and_modes() -> None:
    items = [{"key": "a", "path": "x/y", "mode": 0o600}, {"key": "b", "path": "z"}]
    found = files({"configMap": {"name": "cfg", "items": items, "defaultMode": 0o444}})
    assert found == {"x/y": (b"1", 0o600), "z": (b"2", 0o444)}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"configMap": {"name": "no"}}, 'configmap "no" not found'),
        ({"secret": {"secretName": "no"}}, 'secret "no" not found'),
        (
            {"configMap": {"name": "cfg", "items": [{"key": "k", "path": "k"}]}},
            "configmap references non-existent config key: k",
        ),
        (
            {"secret": {"secretName": "sec", "items": [{"key": "k", "path": "k"}]}},
            "references non-existent secret key: k",
        ),
        ({"projected": {"sources": [{"configMap": {"name": "no"}}]}}, 'configmap "no" not found'),
        (
            {"projected": {"sources": [{"configMap": {"name": "no"}}, {"secret": {"name": "no"}}]}},
            '[configmap "no" not found, secret "no" not found]',
        ),
        (
            {"projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
            "this source of a projected volume is not supported on this node",
        ),
    ],
)
def test_what_is_missing_is_told_in_the_kubelets_words(source: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        files(source)


@pytest.mark.parametrize(
    "source",
    [
        {"configMap": {"name": "no", "optional": True}},
        {"secret": {"secretName": "no", "optional": True}},
        {"configMap": {"name": "cfg", "optional": True, "items": [{"key": "k", "path": "k"}]}},
        {"projected": {"sources": [{"secret": {"name": "no", "optional": True}}]}},
        {"projected": {}},
    ],
)
def test_what_is_optional_may_be_missing(source: dict[str, Any]) -> None:
    assert files(source) == {}


def test_projected_sources_share_one_directory_and_one_mode() -> None:
    sources = [
        {"configMap": {"name": "cfg", "items": [{"key": "a", "path": "cfg/a", "mode": 0o444}]}},
        {"secret": {"name": "sec"}},
        {"downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
    ]
    found = files({"projected": {"sources": sources, "defaultMode": 0o440}})
    assert found == {"cfg/a": (b"1", 0o444), "s": (b"\x00\xff", 0o440), "name": (b"p", 0o440)}


@pytest.mark.parametrize(
    "paths",
    [("x", "./x"), ("x", "x/y"), ("x/y", "x"), ("../x",), ("/x",), ("x/../../y",), ("..x",), ("",), ("a/" * 2100,)],
)
def test_paths_that_clash_or_leave_the_directory_are_refused(paths: tuple[str, ...]) -> None:
    items = [{"key": "a", "path": path} for path in paths]
    with pytest.raises(ValueError, match="path"):
        files({"configMap": {"name": "cfg", "items": items}})


def test_the_downward_api_holds_fields_maps_and_resources() -> None:
    items = [
        {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
        {"path": "ann", "fieldRef": {"fieldPath": "metadata.annotations['x']"}},
        {"path": "cpu", "resourceFieldRef": {"containerName": "c", "resource": "limits.cpu"}, "mode": 0o400},
        {"path": "mem", "resourceFieldRef": {"containerName": "c", "resource": "limits.memory", "divisor": "1Gi"}},
    ]
    metadata = {"labels": {"b": "2", "a": "1"}, "annotations": {"x": "z\ny"}}
    container = {"resources": {"limits": {"cpu": "1250m"}}}
    found = files({"downwardAPI": {"items": items}}, metadata=metadata, container=container)
    assert found == {
        "labels": (b'a="1"\nb="2"', 0o644), "ann": (b"z\ny", 0o644), "cpu": (b"2", 0o400), "mem": (b"2", 0o644),
    }  # fmt: skip


def test_runtime_fields_are_not_for_volumes() -> None:
    items = [{"path": "ip", "fieldRef": {"fieldPath": "status.podIP"}}]
    with pytest.raises(ValueError, match=r"^unsupported fieldPath: status\.podIP$"):
        files({"downwardAPI": {"items": items}})


def test_a_secret_never_shows_in_a_representation() -> None:
    one = pod(volumes=[{"name": "v", "secret": {"secretName": "sec"}}])
    found = volume_payloads.files(
        one.spec.volumes[0], one, objects=ObjectTable(secrets={"sec": {"k": b"hush"}}), node=NODE
    )
    assert "hush" not in repr(found)
