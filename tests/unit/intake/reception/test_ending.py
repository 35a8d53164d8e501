from __future__ import annotations

import pytest

from edgelet.api.errors import ConflictError, ForbiddenError, NotFoundError
from edgelet.intake.reception import Reception
from edgelet.intake.successors import KIND
from edgelet.ports.object_store import Key
from tests import builders
from tests.fakes.object_store import FakeObjectStore
from tests.unit.intake.reception.conftest import POD


@pytest.mark.parametrize(("asked_s", "grace_s"), [(None, 7), (0, 0), (3, 3), (-1, 1)])
async def test_a_pod_is_asked_to_end_within_its_grace(reception: Reception, asked_s: int | None, grace_s: int) -> None:
    await reception.create(builders.pod_document(terminationGracePeriodSeconds=7), source="api")

    left = await reception.delete(POD, source="api", grace_s=asked_s)

    assert left is not None
    assert left.document["metadata"]["deletionGracePeriodSeconds"] == grace_s


async def test_deleting_needs_the_object_that_is_meant(reception: Reception) -> None:
    with pytest.raises(NotFoundError, match='pods "web" not found'):
        await reception.delete(POD, source="api")
    await reception.create(builders.pod_document(), source="api")
    with pytest.raises(ConflictError, match="Precondition failed: UID"):
        await reception.delete(POD, source="api", uid="other")
    with pytest.raises(ForbiddenError, match="may not be deleted"):
        await reception.delete(Key("Namespace", "", "default"), source="api")
    with pytest.raises(NotFoundError, match="Deployment"):
        await reception.delete(Key("Deployment", "default", "web"), source="api")


async def test_a_pod_that_ends_takes_no_change_from_a_person(reception: Reception) -> None:
    await reception.create(builders.pod_document(), source="api")
    await reception.delete(POD, source="api")

    with pytest.raises(ConflictError, match='object is being deleted: pods "web" already exists'):
        await reception.apply(builders.pod_document(), source="api")
    labelled = await reception.patch(POD, {"metadata": {"labels": {"a": "b"}}}, patch_type="merge", source="api")
    assert labelled.object.deleting


async def test_a_declarative_source_replaces_a_pod_it_may_not_change(
    store: FakeObjectStore, reception: Reception
) -> None:
    old = (await reception.apply(builders.pod_document(), source="mqtt", digest="1")).object

    accepted = await reception.apply(builders.pod_document(restartPolicy="Never"), source="mqtt", digest="2")

    assert accepted.object.uid == old.uid
    assert accepted.object.deleting
    assert "made anew" in accepted.warnings[0]
    [kept] = store.list(KIND)
    assert kept.document["object"]["spec"]["restartPolicy"] == "Never"


async def test_deleting_a_pod_forgets_what_would_follow(store: FakeObjectStore, reception: Reception) -> None:
    await reception.apply(builders.pod_document(), source="mqtt")
    await reception.apply(builders.pod_document(restartPolicy="Never"), source="mqtt")

    await reception.delete(POD, source="mqtt")

    assert store.list(KIND) == ()


async def test_a_dry_run_replaces_nothing(store: FakeObjectStore, reception: Reception) -> None:
    await reception.apply(builders.pod_document(), source="mqtt")

    await reception.apply(builders.pod_document(restartPolicy="Never"), source="mqtt", dry_run=True)

    assert store.list(KIND) == ()
    assert not store.list("Pod")[0].deleting
