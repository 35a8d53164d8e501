"""max_pods while the disk is slow: what is under way counts, and what broke off frees its place."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from edgelet.api.errors import ForbiddenError, StorageError
from edgelet.intake.admit import House
from edgelet.intake.reception import Accepted, Reception
from edgelet.intake.successors import Successors
from edgelet.ports.object_store import Document, Key, StoredObject
from tests import builders
from tests.fakes.object_store import FakeObjectStore
from tests.fakes.virtual_time import VirtualClock

C = builders.container_document


class SlowStore(FakeObjectStore):
    """Writes once the disk is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.disk = asyncio.Event()

    async def put(self, key: Key, document: Document, **more: Any) -> StoredObject:
        await self.disk.wait()
        return await super().put(key, document, **more)


def made(store: FakeObjectStore, policy: str) -> Reception:
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
