from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from edgelet.adapters.sealing import hpke
from edgelet.api import sealed_secret
from edgelet.api.errors import ConflictError, EdgeletError, InvalidObjectError
from edgelet.intake import decode, desired_topics, manifest_file
from edgelet.intake.admit import House
from edgelet.intake.reception import Reception
from edgelet.intake.successors import Successors
from edgelet.ports.object_store import Key
from tests.fakes import opener
from tests.fakes.object_store import FakeObjectStore
from tests.fakes.opener import FakeOpener
from tests.fakes.virtual_time import VirtualClock

DB = Key("Secret", "shop", "db")
CANARY = "canary-37c1-in-a-secret"


def secret(**more: Any) -> dict[str, Any]:
    metadata = {"name": "db", "namespace": "shop", "labels": {"app": "web"}}
    plain = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"password": CANARY}}
    return plain | more


def sealed(document: dict[str, Any] | None = None, *, node: str = opener.NODE) -> dict[str, Any]:
    made = hpke.seal(document or secret(), node=node, namespace="shop", key=opener.PUBLIC)
    return sealed_secret.document(made)


def reception(store: FakeObjectStore, *, opens: bool = True) -> Reception:
    return Reception(
        store=store,
        successors=Successors(store, VirtualClock()),
        house=House(node_name="board"),
        max_object_bytes=20_000,
        make_suffix=lambda: "abcde",
        opener=FakeOpener() if opens else None,
    )


async def test_a_sealed_secret_is_stored_as_the_secret_in_it() -> None:
    store = FakeObjectStore()
    accepted = await reception(store).apply(sealed(), source="mqtt", digest="d")
    stored = store.get(DB)
    assert stored == accepted.object
    assert stored is not None
    assert stored.document["kind"] == "Secret"
    assert stored.document["metadata"]["labels"] == {"app": "web"}
    assert stored.document["data"] == {"password": base64.b64encode(CANARY.encode()).decode()}
    assert (stored.source, stored.digest) == ("mqtt", "d")


async def test_sealed_anew_with_the_same_content_it_is_no_change() -> None:
    store = FakeObjectStore()
    door = reception(store)
    first = await door.apply(sealed(), source="mqtt", digest="1")
    second = await door.apply(sealed(), source="mqtt", digest="2")
    assert first.object.resource_version == second.object.resource_version


@pytest.mark.parametrize("change", ["name", "namespace", "node", "sealed"])
async def test_under_another_name_or_node_it_does_not_open(change: str) -> None:
    document = sealed()
    if change == "sealed":
        document["spec"]["sealed"] = sealed()["spec"]["sealed"][:-8] + "AAAAAAA="
    else:
        document["spec" if change == "node" else "metadata"][change] = "a/b" if change == "node" else "other"
    with pytest.raises(InvalidObjectError, match=r"spec\.sealed: cannot be opened"):
        await reception(FakeObjectStore()).apply(document, source="mqtt")


@pytest.mark.parametrize(
    ("inside", "why"),
    [
        ({"kind": "ConfigMap"}, "no Secret in it"),
        ({"metadata": {"name": "dc"}}, "another name"),
        ({"metadata": {"name": "db", "namespace": "shed"}}, "another name"),
        ({"data": {"p": CANARY}}, "illegal base64"),
        ({"data": CANARY}, "must be a mapping"),
        ({"stringData": {"p": [CANARY]}}, "must be a string"),
        ({"type": "kubernetes.io/dockerconfigjson", "data": {}}, r"data\[.dockerconfigjson\]"),
        ({"type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": CANARY}}, "JSON document"),
    ],
)
async def test_what_is_wrong_inside_is_told_without_a_value(inside: dict[str, Any], why: str) -> None:
    document = opener.around(json.dumps(secret(**inside)).encode(), namespace="shop")
    with pytest.raises(InvalidObjectError, match=why) as refused:
        await reception(FakeObjectStore()).apply(document, source="mqtt")
    assert CANARY not in str(refused.value)
    assert CANARY not in repr(refused.value.__cause__)


async def test_where_nothing_opens_it_is_refused() -> None:
    with pytest.raises(InvalidObjectError, match="nothing sealed is taken here"):
        await reception(FakeObjectStore(), opens=False).apply(sealed(), source="mqtt")


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({}, "spec.node"),
        ({"suite": "other"}, "spec.suite"),
        ({"sealed": "***"}, "spec.sealed"),
        ({"sealed": "AAAA"}, "spec.sealed"),
        ({"encryptedData": {}}, "spec.encryptedData"),
        ({"node": 5}, "spec.node"),
    ],
)
async def test_a_malformed_one_is_told_with_the_fields_path(spec: dict[str, Any], path: str) -> None:
    document = sealed() | {"spec": sealed()["spec"] | spec if spec else {}}
    with pytest.raises(InvalidObjectError) as refused:
        await reception(FakeObjectStore()).apply(document, source="mqtt")
    assert path in {fault.path for fault in refused.value.faults}


def test_it_lies_on_its_secrets_topic_and_in_manifests_under_its_secrets_key() -> None:
    assert desired_topics.only((sealed(),), DB)["kind"] == sealed_secret.KIND
    assert manifest_file.key_of(sealed()) == DB
    with pytest.raises(InvalidObjectError):
        desired_topics.only((sealed(),), Key("ConfigMap", "shop", "db"))


@pytest.mark.parametrize(
    "text",
    [
        "stringData: {p: *canary-37c1-in-a-secret}",
        "stringData: {p: !!int canary-37c1-in-a-secret}",
        "stringData: {p: !!binary canary-37c1-in-a-secret}",
        "stringData: {p: 1e99937}",
        "stringData: {p: 99937999379993799937}",
        "stringData: {p: [99937999379993799937]}",
        "stringData: {p: 99937}",
        "data: canary-37c1-in-a-secret",
        "data: {p: canary-37c1-in-a-secret!}",
        "data: {p: .inf99937}\nimmutable: canary-37c1-in-a-secret",
        "data: {p: 'canary-37c1-in-a-secret",
        'data: {p: "\\canary-37c1-in-a-secret"}',
        "data: {p: %canary-37c1-in-a-secret}",
        "data: {p: @canary-37c1-in-a-secret}",
    ],
)
async def test_no_fault_of_a_manifest_repeats_a_value(text: str) -> None:
    payload = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: db}}\n{text}\n".encode()
    door = reception(FakeObjectStore())

    async def take_in() -> None:
        for document in decode.documents(payload, limit_bytes=10_000):
            await door.apply(document, source="mqtt", strict=True)

    with pytest.raises(EdgeletError) as refused:
        await take_in()
    assert "canary" not in refused.value.message
    assert "99937" not in refused.value.message


async def test_a_secret_that_cannot_be_read_is_replaced_and_never_patched() -> None:
    store = FakeObjectStore()
    door = reception(store)
    stored = (await door.apply(secret(), source="api")).object
    store._objects[DB] = replace(stored, unreadable="its key is lost", document={**stored.document, "data": {}})
    with pytest.raises(ConflictError, match="its key is lost: apply the whole of it"):
        await door.patch(DB, {"metadata": {"labels": {"a": "b"}}}, patch_type="merge", source="api")
    again = await door.apply(secret(), source="api")
    assert again.object.document["data"] == stored.document["data"]


async def test_a_patch_that_tests_a_value_does_not_tell_it() -> None:
    store = FakeObjectStore()
    door = reception(store)
    await door.apply(secret(), source="api")
    patch = [{"op": "test", "path": "/data/password", "value": "guess"}]
    with pytest.raises(EdgeletError, match="a test operation did not hold") as refused:
        await door.patch(DB, patch, patch_type="json", source="api")
    assert base64.b64encode(CANARY.encode()).decode() not in refused.value.message
