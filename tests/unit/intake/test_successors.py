from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgelet.api.errors import StorageError
from edgelet.intake.admit import House
from edgelet.intake.reception import Reception
from edgelet.intake.successors import KIND, Successors
from edgelet.ports.object_store import Key
from tests import builders
from tests.fakes import virtual_time
from tests.fakes.object_store import FakeObjectStore
from tests.fakes.virtual_time import VirtualClock

POD = Key("Pod", "default", "web")


def _reception(store: FakeObjectStore, successors: Successors) -> Reception:
    return Reception(
        store=store,
        successors=successors,
        house=House(node_name="board", policy=builders.policy()),
        max_object_bytes=20_000,
        make_suffix=lambda: "abcde",
    )


@asynccontextmanager
async def _agent(store: FakeObjectStore) -> AsyncIterator[Reception]:
    """A running agent over a store; leaving it is a kill: nothing is finished."""
    successors = Successors(store, VirtualClock())
    follower = asyncio.create_task(successors.follow(), name="successors")
    try:
        yield _reception(store, successors)
        await _settle()
        assert not follower.done()
    finally:
        follower.cancel()
        await asyncio.gather(follower, return_exceptions=True)


async def _settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def _policy(store: FakeObjectStore) -> str | None:
    stored = store.get(POD)
    return stored.document["spec"]["restartPolicy"] if stored else None


async def _apply(reception: Reception, **spec: Any) -> None:
    await reception.apply(builders.pod_document(**spec), source="mqtt", digest=str(spec))


async def test_the_new_pod_is_made_when_the_old_one_is_gone() -> None:
    store = FakeObjectStore()
    async with _agent(store) as reception:
        await _apply(reception)
        old = store.get(POD)
        await _apply(reception, restartPolicy="Never")
        await _settle()
        assert store.get(POD).deleting  # type: ignore[union-attr]
        await store.remove(POD)
        await _settle()

        new = store.get(POD)
        assert old is not None
        assert new is not None
        assert new.uid != old.uid
        assert (new.source, new.digest, _policy(store)) == ("mqtt", "{'restartPolicy': 'Never'}", "Never")
        assert store.list(KIND) == ()


async def test_the_newest_successor_wins() -> None:
    store = FakeObjectStore()
    async with _agent(store) as reception:
        await _apply(reception)
        await _apply(reception, restartPolicy="Never")
        await _apply(reception, restartPolicy="OnFailure")
        await store.remove(POD)
        await _settle()

        assert _policy(store) == "OnFailure"


async def test_what_comes_while_a_pod_ends_follows_it_even_if_it_is_the_same() -> None:
    store = FakeObjectStore()
    async with _agent(store) as reception:
        await _apply(reception)
        await reception.delete(POD, source="mqtt")
        await _apply(reception)
        await store.remove(POD)
        await _settle()

        assert _policy(store) == "Always"


async def test_a_delete_after_a_change_leaves_nothing() -> None:
    store = FakeObjectStore()
    async with _agent(store) as reception:
        await _apply(reception)
        await _apply(reception, restartPolicy="Never")
        await reception.delete(POD, source="mqtt")
        await store.remove(POD)
        await _settle()

        assert store.get(POD) is None
        assert store.list(KIND) == ()


async def test_a_delete_between_the_old_pod_and_the_new_one_leaves_nothing() -> None:
    store = FakeObjectStore()
    successors = Successors(store, VirtualClock())
    reception = _reception(store, successors)
    await _apply(reception)
    await _apply(reception, restartPolicy="Never")
    await store.remove(POD)

    assert await reception.delete(POD, source="mqtt") is None

    async with _agent(store):
        await _settle()
        assert store.get(POD) is None
        assert store.list(KIND) == ()


async def test_a_namespace_that_ends_takes_successors_along() -> None:
    store = FakeObjectStore()
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default2"}}
    key = Key("Pod", "default2", "web")
    async with _agent(store) as reception:
        await reception.apply(namespace, source="api")
        await reception.apply(builders.pod_document(namespace="default2"), source="mqtt")
        await reception.apply(builders.pod_document(namespace="default2", restartPolicy="Never"), source="mqtt")
        await reception.delete(Key("Namespace", "", "default2"), source="api")
        await store.remove(key)
        await _settle()

        assert store.get(key) is None
        assert store.list(KIND) == ()


async def test_a_full_disk_delays_the_new_pod() -> None:
    store = FakeObjectStore()
    reception = _reception(store, Successors(store, VirtualClock()))
    await _apply(reception)
    await _apply(reception, restartPolicy="Never")
    await store.remove(POD)
    store.fail_with = StorageError("disk full")
    async with _agent(store):
        await _settle()
        assert store.get(POD) is None
        assert store.list(KIND)

    async with _agent(store):
        await _settle()
        assert _policy(store) == "Never"


def test_it_tries_again_by_itself() -> None:
    async def main() -> None:
        store = FakeObjectStore()
        async with _agent(store) as reception:
            await _apply(reception)
            await _apply(reception, restartPolicy="Never")
            await store.remove(POD)
            store.fail_with = StorageError("disk full")
            await asyncio.sleep(6)

            assert _policy(store) == "Never"

    virtual_time.run(main())


class _KilledError(Exception):
    """The process ended here."""


class _MortalStore(FakeObjectStore):
    """Dies after so many durable writes: the write happens, what should follow it does not."""

    def __init__(self) -> None:
        super().__init__()
        self.left: int | None = None

    def _write(self) -> None:
        if self.left == 0:
            raise _KilledError
        super()._write()
        if self.left is not None:
            self.left -= 1


@settings(max_examples=25, deadline=None)
@given(writes=st.integers(min_value=0, max_value=5), repeat=st.booleans())
def test_a_kill_between_any_two_writes_loses_nothing(writes: int, repeat: bool) -> None:
    async def main() -> None:
        store = _MortalStore()
        async with _agent(store) as reception:
            await _apply(reception)
        store.left = writes
        acknowledged = await _until_killed(store)
        store.left = None
        async with _agent(store) as reception:
            if not acknowledged or repeat:  # the broker sends again what was not acknowledged, and perhaps what was
                await _apply(reception, restartPolicy="Never")
            await _settle()
            stored = store.get(POD)
            if stored is not None and stored.deleting:
                await store.remove(POD)
            await _settle()

            assert _policy(store) == "Never"
            assert store.list(KIND) == ()

    asyncio.run(main())


async def _until_killed(store: FakeObjectStore) -> bool:
    """Change the pod, end the old one; return whether the change was acknowledged."""
    successors = Successors(store, VirtualClock())
    acknowledged = False
    try:
        async with asyncio.TaskGroup() as tasks:
            follower = tasks.create_task(successors.follow(), name="successors")
            await _apply(_reception(store, successors), restartPolicy="Never")
            acknowledged = True
            await _settle()
            await store.remove(POD)
            await _settle()
            follower.cancel()
    except* _KilledError:
        pass
    return acknowledged


@pytest.mark.parametrize("deleting", [False, True])
async def test_what_an_earlier_run_left_is_finished(deleting: bool) -> None:
    store = FakeObjectStore()
    successors = Successors(store, VirtualClock())
    await _apply(_reception(store, successors))
    old = store.get(POD)
    assert old is not None
    await successors.keep(old, builders.complete_pod_document(restartPolicy="Never"), source="mqtt", digest="d")
    if not deleting:  # killed before the deletion was asked for
        await store.remove(POD)
        await store.put(POD, old.document, source="mqtt")
        kept = store.get(Key(KIND, "default", "web"))
        again = store.get(POD)
        assert kept is not None
        assert again is not None
        await store.put(kept.key, {**kept.document, "replaces": again.uid}, source="mqtt")

    async with _agent(store):
        await _settle()
        assert store.get(POD).deleting  # type: ignore[union-attr]
        await store.remove(POD)
        await _settle()

        assert _policy(store) == "Never"
