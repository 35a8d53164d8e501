from __future__ import annotations

from typing import Any

import pytest

from edgelet.api.meta import ObjectMeta
from edgelet.intake.validation import metadata


def _faults(*, namespaced: bool = True, **fields: Any) -> list[str]:
    namespace = {"namespace": "default"} if namespaced else {}
    meta = ObjectMeta.model_validate({"name": "a", **namespace, **fields})
    return [str(fault) for fault in metadata.check(meta, namespaced=namespaced)]


def test_plain_metadata_is_good() -> None:
    assert _faults(labels={"a/b": "c"}, annotations={"Any.Key/x": "anything at all\n"}) == []


@pytest.mark.parametrize("name", ["Bad_Name", "../x", "a/b", "a" * 254, "..", "a\n"])
def test_a_bad_name_is_refused(name: str) -> None:
    [fault] = _faults(name=name)

    assert fault.startswith("metadata.name: Invalid value")


@pytest.mark.parametrize("prefix", ["a-", "a.b-"])
def test_a_prefix_may_stand_for_a_name(prefix: str) -> None:
    assert _faults(name="", generateName=prefix) == []


@pytest.mark.parametrize("prefix", ["A-", "-", "../"])
def test_a_prefix_must_begin_a_good_name(prefix: str) -> None:
    [fault] = _faults(name="", generateName=prefix)

    assert fault.startswith("metadata.generateName: Invalid value")


def test_without_a_name_there_is_no_object() -> None:
    assert _faults(name="") == ["metadata.name: Required value: name or generateName is required"]


def test_namespaces_belong_to_namespaced_kinds() -> None:
    assert _faults(namespace="A")[0].startswith("metadata.namespace: Invalid value")
    assert _faults(namespace="") == ["metadata.namespace: Required value"]
    assert _faults(namespaced=False, namespace="x") == ["metadata.namespace: Forbidden: not allowed on this type"]


def test_labels_annotations_owners_and_finalizers_have_rules() -> None:
    owner = {"apiVersion": "v1", "kind": "", "name": "x", "uid": ""}

    found = _faults(labels={"a b": "c d"}, annotations={"a b": ""}, ownerReferences=[owner], finalizers=["a b"])

    assert [fault.partition(":")[0] for fault in found] == [
        "metadata.labels",
        "metadata.labels[a b]",
        "metadata.annotations",
        "metadata.ownerReferences[0].kind",
        "metadata.ownerReferences[0].uid",
        "metadata.finalizers[0]",
    ]


def test_annotations_have_a_bound() -> None:
    [fault] = _faults(annotations={"a": "x" * (256 * 1024)})

    assert fault == "metadata.annotations: Too long: may not be more than 262144 bytes"
