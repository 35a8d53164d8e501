from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, Protocol

import pytest

from edgelet.api.errors import ConflictError, NotFoundError, TooLargeError
from edgelet.ports.object_store import Key, Ledger, ObjectStore, StoredObject

WEB = Key("Pod", "default", "web")
NODE = Key("Node", "", "pi")


class MovableClock(Protocol):
    async def sleep(self, seconds: float) -> None: ...


def pod(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "default"}, "spec": spec}


async def put(store: ObjectStore, key: Key = WEB, **spec: Any) -> StoredObject:
    return await store.put(key, pod(**spec), source="mqtt")


async def test_a_new_object_gets_uid_version_generation_and_creation_time(store: ObjectStore) -> None:
    made = await store.put(WEB, pod(a=1), source="mqtt", digest="d1")
    assert made.document["metadata"] == {
        "name": "web",
        "namespace": "default",
        "uid": made.uid,
        "resourceVersion": str(made.resource_version),
        "generation": 1,
        "creationTimestamp": "2026-01-02T03:04:05Z",
    }
    assert (made.generation, made.source, made.digest) == (1, "mqtt", "d1")
    assert store.get(WEB) == made
    assert store.resource_version == made.resource_version > 0


async def test_what_a_document_says_about_the_stores_own_fields_is_not_listened_to(store: ObjectStore) -> None:
    document = pod(a=1)
    document["metadata"] |= {"uid": "mine", "resourceVersion": "77", "generation": 9, "deletionTimestamp": "x"}
    document["status"] = {"phase": "Succeeded"}
    made = await store.put(WEB, document, source="mqtt")
    assert made.uid != "mine"
    assert made.generation == 1
    assert not made.deleting
    assert "status" not in made.document


async def test_the_keys_name_and_namespace_stand_in_the_document(store: ObjectStore) -> None:
    made = await store.put(NODE, {"kind": "Node"}, source="controller")
    assert made.document["metadata"]["name"] == "pi"
    assert "namespace" not in made.document["metadata"]


async def test_a_changed_spec_raises_generation_and_version_and_keeps_identity_and_status(
    store: ObjectStore, clock: MovableClock
) -> None:
    first = await put(store, a=1)
    await store.put_status(WEB, {"phase": "Running"}, uid=first.uid, durable=True)
    await clock.sleep(60)
    second = await put(store, a=2)
    assert second.uid == first.uid
    assert second.generation == 2
    assert second.resource_version > first.resource_version
    assert second.document["metadata"]["creationTimestamp"] == first.document["metadata"]["creationTimestamp"]
    assert second.document["status"] == {"phase": "Running"}


async def test_a_changed_label_raises_the_version_and_not_the_generation(store: ObjectStore) -> None:
    first = await put(store, a=1)
    document = pod(a=1)
    document["metadata"]["labels"] = {"app": "web"}
    second = await store.put(WEB, document, source="mqtt")
    assert second.generation == 1
    assert second.resource_version > first.resource_version


async def test_the_same_content_again_changes_nothing(store: ObjectStore) -> None:
    first = await put(store, a=1)
    with store.watch() as watch:
        again = await put(store, a=1)
        assert again == first
        assert store.resource_version == first.resource_version
        await put(store, a=2)
        change = await anext(aiter(watch))
        assert change.object.document["spec"] == {"a": 2}


async def test_the_same_content_from_another_payload_keeps_the_version_and_notes_the_digest(store: ObjectStore) -> None:
    first = await store.put(WEB, pod(a=1), source="mqtt", digest="d1")
    again = await store.put(WEB, pod(a=1), source="mqtt", digest="d2")
    assert again.digest == "d2"
    assert again.resource_version == first.resource_version
    assert store.get(WEB) == again


async def test_the_caller_may_change_its_document_afterwards(store: ObjectStore) -> None:
    document = pod(a=[1])
    await store.put(WEB, document, source="mqtt")
    document["spec"]["a"].append(2)
    kept = store.get(WEB)
    assert kept is not None
    assert kept.document["spec"] == {"a": [1]}


async def test_another_source_cannot_change_an_object(store: ObjectStore) -> None:
    first = await put(store, a=1)
    with pytest.raises(ConflictError) as caught:
        await store.put(WEB, pod(a=2), source="file")
    assert caught.value.reason == "Conflict"
    assert store.get(WEB) == first


async def test_version_zero_means_create_only(store: ObjectStore) -> None:
    made = await store.put(WEB, pod(a=1), source="mqtt", expected_version=0)
    assert made.generation == 1
    with pytest.raises(ConflictError) as caught:
        await store.put(WEB, pod(a=1), source="mqtt", expected_version=0)
    assert caught.value.reason == "AlreadyExists"


async def test_an_object_being_deleted_cannot_be_created_anew(store: ObjectStore) -> None:
    await put(store, a=1)
    await store.mark_deleted(WEB, grace_s=30)
    with pytest.raises(ConflictError) as caught:
        await store.put(WEB, pod(a=1), source="mqtt", expected_version=0)
    assert caught.value.reason == "AlreadyExists"


async def test_an_old_version_is_not_replaced(store: ObjectStore) -> None:
    first = await put(store, a=1)
    second = await store.put(WEB, pod(a=2), source="mqtt", expected_version=first.resource_version)
    with pytest.raises(ConflictError) as caught:
        await store.put(WEB, pod(a=3), source="mqtt", expected_version=first.resource_version)
    assert caught.value.reason == "Conflict"
    assert store.get(WEB) == second


async def test_a_version_that_is_gone_is_not_replaced(store: ObjectStore) -> None:
    with pytest.raises(ConflictError):
        await store.put(WEB, pod(a=1), source="mqtt", expected_version=17)
    assert store.get(WEB) is None


async def test_two_compare_and_swaps_at_once_have_one_winner(store: ObjectStore) -> None:
    first = await put(store, a=1)
    outcomes = await asyncio.gather(
        *(store.put(WEB, pod(a=n), source="mqtt", expected_version=first.resource_version) for n in range(2, 7)),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, StoredObject) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, ConflictError) for outcome in outcomes) == 4


@pytest.mark.parametrize("turns", range(6))
async def test_what_a_caller_who_went_away_asked_for_is_settled_before_what_is_asked_for_later(
    store: ObjectStore, turns: int
) -> None:
    gone = asyncio.create_task(put(store))
    for _ in range(turns):
        await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    assert await store.put_status(WEB, {}, uid="nobody's", durable=True) is None
    then = store.get(WEB)
    await put(store, Key("Pod", "default", "later"))
    assert store.get(WEB) == then


async def test_lists_are_sorted_and_by_kind_and_namespace(store: ObjectStore) -> None:
    for namespace, name in (("b", "y"), ("a", "z"), ("b", "x")):
        await put(store, Key("Pod", namespace, name))
    await put(store, Key("Secret", "a", "s"))
    assert [str(found.key) for found in store.list("Pod")] == ["Pod a/z", "Pod b/x", "Pod b/y"]
    assert [found.key.name for found in store.list("Pod", "b")] == ["x", "y"]
    assert store.list("ConfigMap") == ()


@pytest.mark.parametrize("durable", [True, False])
async def test_a_status_is_visible_and_changes_the_version_only(store: ObjectStore, *, durable: bool) -> None:
    made = await put(store, a=1)
    changed = await store.put_status(WEB, {"phase": "Running"}, uid=made.uid, durable=durable)
    assert changed is not None
    assert changed.document["status"] == {"phase": "Running"}
    assert changed.resource_version > made.resource_version
    assert changed.generation == made.generation
    assert store.get(WEB) == changed


@pytest.mark.parametrize("durable", [True, False])
async def test_an_equal_status_changes_nothing(store: ObjectStore, *, durable: bool) -> None:
    made = await put(store, a=1)
    first = await store.put_status(WEB, {"phase": "Running"}, uid=made.uid, durable=False)
    again = await store.put_status(WEB, {"phase": "Running"}, uid=made.uid, durable=durable)
    assert again == first
    assert first is not None
    assert store.resource_version == first.resource_version


async def test_a_status_of_another_or_no_object_is_dropped(store: ObjectStore) -> None:
    assert await store.put_status(WEB, {"phase": "Running"}, uid="uid", durable=False) is None
    await put(store, a=1)
    assert await store.put_status(WEB, {"phase": "Running"}, uid="other", durable=True) is None


async def test_the_newest_of_statuses_given_at_once_stays(store: ObjectStore) -> None:
    made = await put(store, a=1)
    await asyncio.gather(
        *(store.put_status(WEB, {"n": n}, uid=made.uid, durable=n % 2 == 0) for n in range(7)), put(store, a=2)
    )
    kept = store.get(WEB)
    assert kept is not None
    assert kept.document["status"] == {"n": 6}
    assert kept.document["spec"] == {"a": 2}


async def test_deletion_is_a_mark_with_grace_and_a_new_generation(store: ObjectStore) -> None:
    await put(store, a=1)
    marked = await store.mark_deleted(WEB, grace_s=30)
    assert marked.deleting
    assert marked.generation == 2
    assert marked.document["metadata"]["generation"] == 2
    assert marked.document["metadata"]["deletionTimestamp"] == "2026-01-02T03:04:35Z"
    assert marked.document["metadata"]["deletionGracePeriodSeconds"] == 30
    assert store.get(WEB) == marked


async def test_a_grace_of_int64_is_a_very_long_one_and_still_a_date(store: ObjectStore) -> None:
    await put(store, a=1)
    marked = await store.mark_deleted(WEB, grace_s=(1 << 63) - 1)
    assert marked.document["metadata"]["deletionGracePeriodSeconds"] == (1 << 31) - 1
    assert marked.document["metadata"]["deletionTimestamp"] == "2094-01-20T06:18:12Z"
    assert await store.mark_deleted(WEB, grace_s=(1 << 63) - 1) == marked
    shorter = await store.mark_deleted(WEB, grace_s=30)
    assert shorter.document["metadata"]["deletionTimestamp"] == "2026-01-02T03:04:35Z"


async def test_a_second_deletion_only_shortens_the_grace_counted_from_the_first(
    store: ObjectStore, clock: MovableClock
) -> None:
    await put(store, a=1)
    marked = await store.mark_deleted(WEB, grace_s=30)
    await clock.sleep(10)
    assert await store.mark_deleted(WEB, grace_s=60) == marked
    shorter = await store.mark_deleted(WEB, grace_s=5)
    assert shorter.document["metadata"]["deletionTimestamp"] == "2026-01-02T03:04:10Z"
    assert shorter.document["metadata"]["deletionGracePeriodSeconds"] == 5
    assert shorter.generation == marked.generation


async def test_a_put_does_not_undo_a_deletion(store: ObjectStore) -> None:
    await put(store, a=1)
    await store.mark_deleted(WEB, grace_s=30)
    assert (await put(store, a=2)).deleting


async def test_deleting_what_is_not_there_is_not_found(store: ObjectStore) -> None:
    with pytest.raises(NotFoundError):
        await store.mark_deleted(WEB)


async def test_deleting_another_incarnation_is_a_conflict(store: ObjectStore) -> None:
    made = await put(store, a=1)
    with pytest.raises(ConflictError):
        await store.mark_deleted(WEB, uid="other")
    assert (await store.mark_deleted(WEB, uid=made.uid)).deleting


async def test_a_removed_object_is_gone_and_its_name_is_free(store: ObjectStore) -> None:
    first = await put(store, a=1)
    assert await store.remove(WEB, uid="other") is False
    assert await store.remove(WEB, uid=first.uid) is True
    assert await store.remove(WEB) is False
    assert store.get(WEB) is None
    second = await store.put(WEB, pod(a=1), source="file")
    assert second.uid != first.uid
    assert second.resource_version > first.resource_version


async def test_one_object_too_many_is_refused_naming_the_setting(store: ObjectStore) -> None:
    for n in range(5):
        await put(store, Key("Pod", "default", f"web{n}"))
    with pytest.raises(TooLargeError, match="max_objects"):
        await put(store)
    await store.remove(Key("Pod", "default", "web0"))
    await put(store)


async def test_bytes_beyond_the_bound_are_refused_naming_the_setting(store: ObjectStore) -> None:
    small = await put(store, a="x")
    with pytest.raises(TooLargeError, match="max_total_bytes"):
        await put(store, a="x" * 2000)
    assert store.get(WEB) == small
    await put(store, a="x" * 1500)
    await put(store, a="x" * 1400)  # shrinking is always allowed
    with pytest.raises(TooLargeError):
        await put(store, Key("Pod", "default", "other"), a="x" * 500)
    await store.remove(WEB)
    await put(store, Key("Pod", "default", "other"), a="x" * 500)


async def test_a_watch_tells_of_everything_after_entering_in_the_order_of_versions(store: ObjectStore) -> None:
    await put(store, Key("Pod", "default", "before"))
    with store.watch("Pod") as watch:
        made = await put(store, a=1)
        await put(store, Key("Secret", "default", "no"))
        other = await put(store, Key("Pod", "default", "other"))
        await store.remove(WEB)
        changes = [await anext(aiter(watch)) for _ in range(2)]
    assert [(change.type, change.object.key.name) for change in changes] == [("ADDED", "other"), ("DELETED", "web")]
    assert changes[0].object == other
    assert changes[1].object.uid == made.uid
    assert changes[0].object.resource_version < changes[1].object.resource_version <= store.resource_version


async def test_a_slow_reader_gets_the_newest_version_once(store: ObjectStore) -> None:
    with store.watch() as watch:
        reader = aiter(watch)
        await put(store, a=1)
        assert (await anext(reader)).type == "ADDED"
        await put(store, a=2)
        newest = await put(store, a=3)
        change = await anext(reader)
        assert (change.type, change.object) == ("MODIFIED", newest)


async def test_a_new_incarnation_never_hides_the_end_of_the_old_one(store: ObjectStore) -> None:
    first = await put(store, a=1)
    with store.watch() as watch:
        await store.remove(WEB)
        second = await put(store, a=1)
        third = await put(store, a=2)
        changes = [await anext(aiter(watch)) for _ in range(2)]
    assert [(change.type, change.object.uid) for change in changes] == [("DELETED", first.uid), ("ADDED", second.uid)]
    assert changes[1].object == third


async def test_a_waiting_reader_wakes(store: ObjectStore) -> None:
    with store.watch() as watch:
        reading = asyncio.ensure_future(anext(aiter(watch)))
        await asyncio.sleep(0)
        made = await put(store, a=1)
        assert (await asyncio.wait_for(reading, 1)).object == made


async def test_a_left_watch_ends(store: ObjectStore) -> None:
    with store.watch() as watch:
        pass
    await put(store, a=1)
    assert [change async for change in watch] == []


async def test_a_fact_is_kept_and_replaced(ledger: Ledger) -> None:
    assert ledger.read("epoch") is None
    await ledger.write("epoch", b"\x001")
    await ledger.write("epoch", b"\x002")
    assert ledger.read("epoch") == b"\x002"
    assert ledger.read("other") is None


async def test_deletion_time_is_the_wall_clocks(store: ObjectStore, clock: Any) -> None:
    await put(store, a=1)
    clock.moment -= timedelta(days=365)
    marked = await store.mark_deleted(WEB, grace_s=1)
    assert marked.document["metadata"]["deletionTimestamp"] == "2025-01-02T03:04:06Z"
