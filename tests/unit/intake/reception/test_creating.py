from __future__ import annotations

import json
from typing import Any

import pytest

from edgelet.api.errors import (
    ConflictError,
    DecodeError,
    EdgeletError,
    ForbiddenError,
    InvalidObjectError,
    NotFoundError,
    StorageError,
    TooLargeError,
)
from edgelet.intake.reception import SOURCE_ANNOTATION, Reception
from edgelet.ports.object_store import Key
from tests import builders
from tests.fakes.object_store import FakeObjectStore
from tests.unit.intake.reception.conftest import POD, C, make_reception


async def test_a_pod_is_stored_as_an_api_server_would_show_it(store: FakeObjectStore, reception: Reception) -> None:
    document = builders.pod_document()
    del document["metadata"]["namespace"]

    accepted = await reception.apply(document, source="mqtt", digest="d1")

    stored = store.get(POD)
    assert accepted.created
    assert stored is not None
    assert stored == accepted.object
    assert (stored.source, stored.digest) == ("mqtt", "d1")
    assert stored.document["spec"]["nodeName"] == "board"
    assert stored.document["spec"]["containers"][0]["imagePullPolicy"] == "IfNotPresent"
    assert stored.document["metadata"]["annotations"] == {SOURCE_ANNOTATION: "mqtt"}


async def test_what_the_store_owns_is_not_taken_from_a_client(store: FakeObjectStore, reception: Reception) -> None:
    document = builders.pod_document(
        metadata={
            "uid": "mine",
            "resourceVersion": "77",
            "generation": 9,
            "creationTimestamp": "no time at all",
            "deletionTimestamp": "2020-01-01T00:00:00Z",
            "managedFields": [{"a": 1}],
            "selfLink": "/x",
        }
    )
    document["status"] = {"phase": 5}

    await reception.apply(document, source="mqtt")

    stored = store.get(POD)
    assert stored is not None
    assert not stored.deleting
    assert stored.uid != "mine"
    assert "status" not in stored.document
    assert not {"managedFields", "selfLink"} & stored.document["metadata"].keys()


async def test_the_same_again_writes_nothing(store: FakeObjectStore, reception: Reception) -> None:
    first = await reception.apply(builders.pod_document(), source="mqtt", digest="d")
    writes = store.writes

    second = await reception.apply(builders.pod_document(), source="mqtt", digest="d")

    assert store.writes == writes
    assert second.object == first.object
    assert not second.created


async def test_all_faults_come_back_at_once_and_nothing_is_stored(store: FakeObjectStore, reception: Reception) -> None:
    document = builders.pod_document(
        "Bad_Name",
        C("a", image=5, resources={"claims": [{"name": "gpu"}]}),
        C("b", ports=[{"containerPort": 1, "hostPort": 70000}]),
        runtimeClassName="kata",
        restartPolicy="Sometimes",
    )

    with pytest.raises(InvalidObjectError) as caught:
        await reception.apply(document, source="mqtt")

    assert {fault.path for fault in caught.value.faults} == {
        "metadata.name",
        "spec.containers[0].image",
        "spec.containers[0].resources.claims",
        "spec.containers[1].ports[0].hostPort",
        "spec.runtimeClassName",
        "spec.restartPolicy",
    }
    assert "spec.containers[1].ports[0].hostPort: 70000 is not in 1..65535" in caught.value.message
    assert store.list("Pod") == ()


async def test_an_unknown_field_is_a_warning_or_a_refusal(reception: Reception) -> None:
    document = builders.pod_document("web", C(readonly=True))

    accepted = await reception.apply(document, source="mqtt")
    with pytest.raises(DecodeError, match=r'strict decoding error: unknown field "spec.containers\[0\].readonly"'):
        await reception.apply(document, source="mqtt", strict=True)

    assert accepted.warnings == ('unknown field "spec.containers[0].readonly"',)
    assert "readonly" not in accepted.object.document["spec"]["containers"][0]


@pytest.mark.parametrize(
    ("version", "kind", "error", "why"),
    [
        ("v1", "Gizmo", NotFoundError, 'no matches for kind "Gizmo" in version "v1"'),
        ("apps/v1", "Pod", NotFoundError, 'no matches for kind "Pod" in version "apps/v1"'),
        ("apps/v1", "Deployment", NotFoundError, 'kind "Deployment" in version "apps/v1" is not supported'),
        ("v1", "Node", ForbiddenError, "the agent itself makes"),
        (5, "Pod", NotFoundError, "no matches"),
        ("v1", ["Pod"], NotFoundError, "no matches"),
    ],
)
async def test_kinds_that_are_not_taken(
    reception: Reception, version: Any, kind: Any, error: type[EdgeletError], why: str
) -> None:
    with pytest.raises(error, match=why):
        await reception.apply({"apiVersion": version, "kind": kind, "metadata": {"name": "x"}}, source="mqtt")


@pytest.mark.parametrize(
    "metadata", [None, 5, [], {"name": 5}, {"name": "x", "namespace": 7}, {"name": "x", "labels": 1}]
)
async def test_odd_metadata_is_invalid_and_no_crash(reception: Reception, metadata: Any) -> None:
    with pytest.raises(InvalidObjectError):
        await reception.apply({**builders.pod_document(), "metadata": metadata}, source="mqtt")


@pytest.mark.parametrize("name", ["../x", "a/b", "..", "A", "a" * 300])
async def test_a_name_never_becomes_a_path(store: FakeObjectStore, reception: Reception, name: str) -> None:
    with pytest.raises(InvalidObjectError, match=r"metadata\.name"):
        await reception.apply(builders.pod_document(name), source="mqtt")
    assert store.list("Pod") == ()


async def test_an_object_has_a_size(reception: Reception) -> None:
    large = builders.config_map_document(data={"a": "x" * 21_000})

    with pytest.raises(TooLargeError, match='configmaps "cfg"'):
        await reception.apply(large, source="mqtt")
    with pytest.raises(TooLargeError, match="at most 80000"):
        reception.read(b"x" * 80_001)


async def test_a_full_disk_is_told(store: FakeObjectStore, reception: Reception) -> None:
    store.fail_with = StorageError("disk full")

    with pytest.raises(StorageError):
        await reception.apply(builders.pod_document(), source="mqtt")


async def test_a_dry_run_judges_and_stores_nothing(store: FakeObjectStore, reception: Reception) -> None:
    accepted = await reception.apply(builders.pod_document(), source="api", dry_run=True)

    assert accepted.object.document["spec"]["restartPolicy"] == "Always"
    assert store.writes == 0
    await reception.apply(builders.pod_document(), source="api")
    changed = builders.pod_document("web", C(image="other:1"))
    again = await reception.apply(changed, source="api", dry_run=True)
    assert again.object.document["spec"]["containers"][0]["image"] == "other:1"
    assert again.object.document["metadata"]["uid"] == again.object.uid != ""
    assert store.writes == 1


async def test_the_profile_of_the_board_counts(store: FakeObjectStore) -> None:
    with pytest.raises(ForbiddenError, match='PodSecurity "baseline:latest"'):
        await make_reception(store, builders.policy(profile="baseline")).apply(
            builders.pod_document(hostNetwork=True), source="api"
        )


async def test_create_gives_a_name_where_there_is_a_prefix(store: FakeObjectStore, reception: Reception) -> None:
    document = builders.pod_document()
    document["metadata"] = {"generateName": "web-"}
    await reception.create(builders.pod_document("web-00001"), source="api")

    accepted = await reception.create(document, source="api")

    assert accepted.object.key == Key("Pod", "default", "web-00002")
    assert store.get(accepted.object.key) is not None


async def test_apply_needs_a_name(reception: Reception) -> None:
    document = {**builders.pod_document(), "metadata": {"generateName": "web-"}}

    with pytest.raises(InvalidObjectError, match=r"metadata\.name: Required value"):
        await reception.apply(document, source="api")


async def test_create_does_not_replace(reception: Reception) -> None:
    await reception.create(builders.pod_document(), source="api")

    with pytest.raises(ConflictError, match='pods "web" already exists') as caught:
        await reception.create(builders.pod_document(), source="api")
    assert caught.value.reason == "AlreadyExists"


async def test_nothing_new_comes_into_a_namespace_that_ends(reception: Reception) -> None:
    await reception.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}, source="api")
    left = await reception.delete(Key("Namespace", "", "x"), source="api")

    assert left is not None
    assert left.deleting
    with pytest.raises(ForbiddenError, match='pods "web" is forbidden: unable to create new content in namespace x'):
        await reception.apply(builders.pod_document(namespace="x"), source="api")


async def test_everything_that_is_read_can_be_stored_as_json(reception: Reception) -> None:
    text = json.dumps(builders.config_map_document("a", data={"k": "\ud83d\ude00\ud83d\x01"}))

    [document] = reception.read(text.encode())

    stored = (await reception.apply(document, source="file")).object.document
    assert json.loads(json.dumps(stored).encode())["data"] == {"k": "\U0001f600\ufffd\x01"}
