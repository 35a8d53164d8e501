from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from edgelet.api.errors import ConflictError, EdgeletError, InvalidObjectError, NotFoundError
from edgelet.intake.reception import Reception
from edgelet.ports.object_store import Key
from tests import builders
from tests.fakes.object_store import FakeObjectStore
from tests.unit.intake.reception.conftest import POD


@pytest.mark.parametrize(
    ("change", "patch_type"),
    [
        ({"spec": {"containers": [{"name": "c", "image": "x:2"}]}}, "strategic"),
        ([{"op": "replace", "path": "/spec/containers/0/image", "value": "x:2"}], "json"),
    ],
)
async def test_a_patch_changes_a_part(reception: Reception, change: Any, patch_type: str) -> None:
    await reception.create(builders.pod_document(), source="api")

    patched = await reception.patch(POD, change, patch_type=patch_type, source="api")

    [container] = patched.object.document["spec"]["containers"]
    assert (container["image"], container["imagePullPolicy"]) == ("x:2", "IfNotPresent")


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {"name": "other"}},
        {"metadata": {"namespace": "other"}},
        {"metadata": {"uid": "other"}},
        {"metadata": None},
        {"kind": "Secret"},
        {"spec": {"restartPolicy": "Never"}},
        {"spec": None},
        {"spec": {"containers": None}},
        {"spec": {"hostname": 5}},
    ],
)
async def test_a_patch_breaks_no_rule(reception: Reception, change: Any) -> None:
    before = (await reception.create(builders.pod_document(), source="api")).object

    with pytest.raises(InvalidObjectError):
        await reception.patch(POD, change, patch_type="merge", source="api")
    assert (await reception.apply(builders.pod_document(), source="api")).object == before


async def test_a_patch_that_meets_a_faster_one_is_made_again(store: FakeObjectStore, reception: Reception) -> None:
    await reception.create(builders.pod_document(), source="api")
    put, attempts = store.put, count()

    async def slow_put(key: Key, document: Any, **words: Any) -> Any:
        if next(attempts) == 0:
            await put(key, {**document, "metadata": {"labels": {"fast": "1"}}}, source="api")
        return await put(key, document, **words)

    store.put = slow_put  # type: ignore[method-assign]
    patched = await reception.patch(POD, {"metadata": {"labels": {"slow": "1"}}}, patch_type="merge", source="api")

    assert patched.object.document["metadata"]["labels"] == {"fast": "1", "slow": "1"}


async def test_a_patch_for_another_version_is_refused(reception: Reception) -> None:
    await reception.create(builders.pod_document(), source="api")
    change = {"metadata": {"resourceVersion": "99", "labels": {"a": "b"}}}

    with pytest.raises(ConflictError, match="has been modified"):
        await reception.patch(POD, change, patch_type="merge", source="api")


async def test_conditions_can_be_patched_into_a_status_and_nothing_else(
    store: FakeObjectStore, reception: Reception
) -> None:
    pod = (await reception.apply(builders.pod_document(), source="mqtt")).object
    ready = {"type": "Ready", "status": "False"}
    await store.put_status(POD, {"phase": "Running", "conditions": [ready]}, uid=pod.uid, durable=False)
    change = {
        "status": {
            "phase": "Failed",
            "conditions": [{"type": "Ready", "status": "True"}, {"type": "my/gate", "status": "True"}],
        }
    }

    patched = await reception.patch(POD, change, patch_type="strategic", subresource="status", source="api")

    assert patched.object.document["status"] == {
        "phase": "Running",
        "conditions": [ready, {"type": "my/gate", "status": "True"}],
    }


@pytest.mark.parametrize(
    ("key", "change", "subresource", "error"),
    [
        (POD, {"status": 5}, "status", InvalidObjectError),
        (POD, {"status": {"conditions": [{"type": 5}]}}, "status", InvalidObjectError),
        (POD, {}, "scale", NotFoundError),
        (Key("ConfigMap", "default", "cfg"), {}, "status", NotFoundError),
        (Key("Pod", "default", "nobody"), {}, "status", NotFoundError),
    ],
)
async def test_a_status_patch_must_fit(
    reception: Reception, key: Key, change: Any, subresource: str, error: type[EdgeletError]
) -> None:
    await reception.create(builders.pod_document(), source="api")
    await reception.create(builders.config_map_document(), source="api")

    with pytest.raises(error):
        await reception.patch(key, change, patch_type="merge", subresource=subresource, source="api")
