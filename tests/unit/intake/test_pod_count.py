"""max_pods while the disk is slow: what is under way counts, and what broke off frees its place."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from edgelet.adapters.sqlite.store import SqliteStore
from edgelet.api.errors import ForbiddenError, StorageError
from edgelet.intake.admit import House
from edgelet.intake.reception import Accepted, Reception
from edgelet.intake.successors import Successors
from edgelet.ports.object_store import Document, Key, ObjectStore, StoredObject
from tests import builders
from tests.fakes.object_store import FakeObjectStore
from tests.fakes.virtual_time import VirtualClock

C = builders.container_document
T = TypeVar("T")


class SlowStore(FakeObjectStore):
    """Writes once the disk is let go, in the order of the callers, also for those who went away."""

    def __init__(self) -> None:
        super().__init__()
        self.disk = asyncio.Event()
        self.writing: list[asyncio.Task[Any]] = []

    async def put(self, key: Key, document: Document, **more: Any) -> StoredObject:
        return await self._after(super().put(key, document, **more))

    async def put_status(self, key: Key, status: Document, **more: Any) -> StoredObject | None:
        return await self._after(super().put_status(key, status, **more))

    async def _after(self, write: Coroutine[Any, Any, T]) -> T:
        async def written() -> T:
            await self.disk.wait()
            return await write

        task = asyncio.create_task(written())
        self.writing.append(task)
        return await asyncio.shield(task)


def made(store: ObjectStore, policy: str) -> Reception:
    return Reception(
        store=store,
        successors=Successors(store, VirtualClock()),
        house=House(node_name="board", policy=builders.policy(policy)),
        max_object_bytes=20_000,
        make_suffix=lambda: "00000",
    )


def asked(reception: Reception, *names: str) -> list[asyncio.Task[Accepted]]:
    return [asyncio.create_task(reception.create(builders.pod_document(one), source="api")) for one in names]


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def names(store: FakeObjectStore) -> list[str]:
    return [one.key.name for one in store.list("Pod")]


async def test_requests_at_the_same_time_do_not_pass_the_bound_together() -> None:
    store = SlowStore()
    tasks = asked(made(store, "max_pods = 2"), "a", "b", "c", "d")
    await turns()
    assert [task.done() for task in tasks] == [False, False, True, True]  # refused without waiting for the disk
    store.disk.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in found] == [Accepted, Accepted, ForbiddenError, ForbiddenError]
    assert names(store) == ["a", "b"]


async def test_what_the_disk_refused_takes_no_place() -> None:
    store = SlowStore()
    store.disk.set()
    reception = made(store, "max_pods = 1")
    store.fail_with = StorageError("disk full")
    with pytest.raises(StorageError):
        await reception.create(builders.pod_document("a"), source="api")
    await reception.create(builders.pod_document("b"), source="api")
    assert names(store) == ["b"]


async def test_a_pod_that_is_to_follow_keeps_its_place() -> None:
    store = SlowStore()
    store.disk.set()
    reception = made(store, "max_pods = 1")
    first = await reception.apply(builders.pod_document("a"), source="mqtt")
    await reception.apply(builders.pod_document("a", C(command=["other"])), source="mqtt", digest="2")
    await store.remove(first.object.key)  # it ended, and what follows is not made yet
    with pytest.raises(ForbiddenError, match="max_pods"):
        await reception.create(builders.pod_document("b"), source="api")


async def test_a_caller_who_goes_away_frees_no_place_before_the_disk_has_answered() -> None:
    store = SlowStore()
    reception = made(store, "max_pods = 1")
    (gone,) = asked(reception, "a")
    await turns()
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    (second,) = asked(reception, "b")
    await turns()
    assert second.done()
    assert isinstance(second.exception(), ForbiddenError)
    store.disk.set()
    await turns()
    assert names(store) == ["a"]
    with pytest.raises(ForbiddenError, match="max_pods"):
        await reception.create(builders.pod_document("c"), source="api")


async def test_a_write_that_fails_after_its_caller_went_away_frees_its_place() -> None:
    store = SlowStore()
    reception = made(store, "max_pods = 1")
    store.fail_with = StorageError("disk full")
    (gone,) = asked(reception, "a")
    await turns()
    gone.cancel()
    await turns()
    store.disk.set()
    await turns()
    await reception.create(builders.pod_document("b"), source="api")
    assert names(store) == ["b"]


async def test_callers_that_go_away_at_any_moment_let_no_pod_too_many_into_the_real_store(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "state.db", clock=VirtualClock(), max_objects=100, max_total_bytes=1 << 20)
    reception = made(store, "max_pods = 3")
    for turn in range(30):
        tasks = asked(reception, *(f"p{turn}-{at}" for at in range(4)))
        for _ in range(turn % 6):  # not yet queued, queued, in flight
            await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await store.close()
    assert len(store.list("Pod")) == 3
