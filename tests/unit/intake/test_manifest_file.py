from __future__ import annotations

from typing import Any

import pytest

from edgelet.intake import manifest_file
from edgelet.ports.object_store import Key


def document(kind: str = "Pod", **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata}


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (document(name="web"), Key("Pod", "default", "web")),
        (document(name="web", namespace="shop"), Key("Pod", "shop", "web")),
        (document("Namespace", name="shop", namespace="ignored"), Key("Namespace", "", "shop")),
        (document("Widget", name="web"), None),
        (document(), None),
        (document(name=["web"]), None),
        (document(name="../web"), None),
        (document(name="web", namespace=5), None),
        ({"kind": "Pod", "metadata": None}, None),
        ({}, None),
    ],
)
def test_a_document_has_a_key_or_none(value: dict[str, Any], key: Key | None) -> None:
    assert manifest_file.key_of(value) == key


def test_each_key_counts_once_and_what_is_wrong_is_said() -> None:
    first, again, bad = document(name="web"), document(name="web", labels={"a": "b"}), document()
    manifest = manifest_file.manifest_of((first, again, bad))
    assert manifest.objects == ((Key("Pod", "default", "web"), first),)
    assert manifest.faults == ("Pod default/web is defined twice", "object 3 has no known kind or no valid name")


def test_the_file_is_written_on_the_object_and_the_document_is_left_alone() -> None:
    plain = document(name="web", annotations={"a": "b"})
    marked = manifest_file.annotated(plain, "web.yaml")
    assert marked["metadata"]["annotations"] == {"a": "b", "edgelet/manifest": "web.yaml"}
    assert plain["metadata"]["annotations"] == {"a": "b"}
    assert manifest_file.annotated(document(name="web", annotations=None), "x")["metadata"]["annotations"] == {
        "edgelet/manifest": "x"
    }


def test_another_file_or_another_word_is_another_digest() -> None:
    plain = document(name="web")
    assert manifest_file.digest_of(plain, "a") == manifest_file.digest_of(dict(reversed(plain.items())), "a")
    assert manifest_file.digest_of(plain, "a") != manifest_file.digest_of(plain, "b")
    assert manifest_file.digest_of(plain, "a") != manifest_file.digest_of(document(name="web", labels={}), "a")
