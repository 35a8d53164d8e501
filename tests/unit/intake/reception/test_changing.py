from __future__ import annotations

import pytest

from edgelet.api.errors import ConflictError, InvalidObjectError, NotFoundError
from edgelet.intake.reception import Reception
from edgelet.ports.object_store import Key
from tests import builders
from tests.fakes.object_store import FakeObjectStore
from tests.unit.intake.reception.conftest import POD, C


async def test_an_image_may_change_and_a_command_not(reception: Reception) -> None:
    await reception.apply(builders.pod_document(), source="api")

    changed = await reception.apply(builders.pod_document("web", C(image="other:1")), source="api")
    with pytest.raises(InvalidObjectError, match="pod updates may not change fields other than"):
        await reception.apply(builders.pod_document("web", C(image="other:1", command=["x"])), source="api")

    assert changed.object.generation == 2


async def test_the_first_source_keeps_an_object(reception: Reception) -> None:
    await reception.apply(builders.pod_document(), source="file")

    for attempt in (
        reception.apply(builders.pod_document(), source="mqtt"),
        reception.replace(builders.pod_document(), source="api"),
        reception.patch(POD, {}, patch_type="merge", source="api"),
        reception.delete(POD, source="mqtt"),
    ):
        with pytest.raises(ConflictError, match='belongs to source "file"'):
            await attempt


async def test_a_person_may_change_and_delete_what_a_controller_made(reception: Reception) -> None:
    await reception.create(builders.pod_document(), source="controller")

    patched = await reception.patch(POD, {"metadata": {"labels": {"a": "b"}}}, patch_type="merge", source="api")

    assert patched.object.source == "controller"
    assert await reception.delete(POD, source="api") is not None


async def test_replace_needs_the_version_that_was_read(store: FakeObjectStore, reception: Reception) -> None:
    with pytest.raises(NotFoundError, match='pods "web" not found'):
        await reception.replace(builders.pod_document(), source="api")
    first = (await reception.create(builders.pod_document(), source="api")).object
    version = first.document["metadata"]["resourceVersion"]
    new = builders.pod_document(metadata={"resourceVersion": version, "labels": {"a": "b"}})

    await reception.replace(new, source="api")
    with pytest.raises(ConflictError, match="the object has been modified"):
        await reception.replace(new, source="api")
    with pytest.raises(ConflictError, match="Precondition failed: UID"):
        await reception.replace(builders.pod_document(metadata={"uid": "other"}), source="api")
    assert store.writes == 2


async def test_an_old_version_on_a_broker_means_nothing(reception: Reception) -> None:
    await reception.apply(builders.pod_document(metadata={"resourceVersion": "1"}), source="mqtt")

    changed = builders.pod_document(metadata={"resourceVersion": "999", "labels": {"a": "b"}})

    assert (await reception.apply(changed, source="mqtt")).object.document["metadata"]["labels"] == {"a": "b"}


async def test_an_immutable_config_map_takes_labels_only(reception: Reception) -> None:
    key = Key("ConfigMap", "default", "cfg")
    await reception.apply(builders.config_map_document(data={"a": "1"}, immutable=True), source="api")

    for change in ({"data": {"a": "2"}}, {"immutable": False}):
        with pytest.raises(InvalidObjectError, match="immutable"):
            await reception.patch(key, change, patch_type="merge", source="api")
    patched = await reception.patch(key, {"metadata": {"labels": {"x": "y"}}}, patch_type="merge", source="api")

    assert patched.object.document["data"] == {"a": "1"}
    assert await reception.delete(key, source="api") is None


async def test_texts_of_a_secret_become_data(reception: Reception) -> None:
    document = builders.secret_document(stringData={"a": "new"}, data={"a": "b2xk", "b": "Yg=="})

    stored = (await reception.apply(document, source="api")).object.document

    assert stored["data"] == {"a": "bmV3", "b": "Yg=="}
    assert stored["type"] == "Opaque"
    assert "stringData" not in stored


async def test_no_error_repeats_a_secret(reception: Reception) -> None:
    document = builders.secret_document(stringData={"a": 4711}, data={"b": "hunter2*", "c/d": "hunter2"})

    with pytest.raises(InvalidObjectError) as caught:
        await reception.apply(document, source="api")

    assert len(caught.value.faults) == 4
    assert "4711" not in caught.value.message
    assert "hunter2" not in caught.value.message
