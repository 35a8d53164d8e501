from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from edgelet.api.errors import StorageError
from edgelet.controllers.namespace import NamespaceController
from edgelet.ports.object_store import Key
from tests.fakes import virtual_time
from tests.fakes.object_store import FakeObjectStore
from tests.fakes.virtual_time import VirtualClock

SHOP = Key("Namespace", "", "shop")


@asynccontextmanager
async def controller(store: FakeObjectStore) -> AsyncIterator[None]:
    task = asyncio.create_task(NamespaceController(store=store, clock=VirtualClock()).run())
    await settle()
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.wait([task])


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def put(store: FakeObjectStore, kind: str, namespace: str, name: str, **spec: Any) -> Key:
    key = Key(kind, namespace, name)
    await store.put(key, {"kind": kind, "spec": spec}, source="api")
    return key


async def test_a_namespace_is_shown_active() -> None:
    store = FakeObjectStore()
    async with controller(store):
        await put(store, "Namespace", "", "shop")
        await settle()
        found = store.get(SHOP)
        assert found is not None
        assert found.document["status"] == {"phase": "Active"}


async def test_an_empty_namespace_is_gone_at_once_and_others_stay() -> None:
    store = FakeObjectStore()
    await put(store, "Namespace", "", "shop")
    await put(store, "Namespace", "", "other")
    await store.mark_deleted(SHOP)
    async with controller(store):
        assert [found.key.name for found in store.list("Namespace")] == ["other"]


async def test_pods_end_first_with_their_grace_then_the_rest_then_the_namespace() -> None:
    store = FakeObjectStore()
    await put(store, "Namespace", "", "shop")
    slow = await put(store, "Pod", "shop", "slow", terminationGracePeriodSeconds=7)
    plain = await put(store, "Pod", "shop", "plain")
    config = await put(store, "ConfigMap", "shop", "config")
    secret = await put(store, "Secret", "shop", "secret")
    other = await put(store, "Pod", "other", "plain")
    async with controller(store):
        await store.mark_deleted(SHOP)
        await settle()
        graces = {
            found.key.name: found.document["metadata"]["deletionGracePeriodSeconds"]
            for found in store.list("Pod", "shop")
        }
        assert graces == {"slow": 7, "plain": 30}
        namespace = store.get(SHOP)
        assert namespace is not None
        assert namespace.document["status"] == {"phase": "Terminating"}
        await store.remove(slow)
        await settle()
        assert store.get(config) is not None
        assert store.get(secret) is not None
        await store.remove(plain)
        await settle()
        assert store.get(config) is store.get(secret) is store.get(SHOP) is None
        untouched = store.get(other)
        assert untouched is not None
        assert not untouched.deleting


async def test_what_comes_into_a_namespace_on_its_way_out_goes_too() -> None:
    store = FakeObjectStore()
    await put(store, "Namespace", "", "shop")
    first = await put(store, "Pod", "shop", "first")
    async with controller(store):
        await store.mark_deleted(SHOP)
        await settle()
        late = await put(store, "Pod", "shop", "late")
        await settle()
        found = store.get(late)
        assert found is not None
        assert found.deleting
        await store.remove(first)
        await store.remove(late)
        await settle()
        assert store.get(SHOP) is None


async def test_a_deletion_under_way_is_finished_after_a_restart() -> None:
    store = FakeObjectStore()
    await put(store, "Namespace", "", "shop")
    pod = await put(store, "Pod", "shop", "web")
    await store.mark_deleted(SHOP)
    async with controller(store):
        await store.remove(pod)
        await settle()
        assert store.get(SHOP) is None


async def test_things_in_namespaces_without_an_object_are_left_alone() -> None:
    store = FakeObjectStore()
    async with controller(store):
        pod = await put(store, "Pod", "default", "web")
        await store.mark_deleted(pod)
        await settle()
        assert store.get(pod) is not None


def test_a_disk_that_refuses_is_asked_again_later() -> None:
    async def main() -> None:
        store = FakeObjectStore()
        await put(store, "Namespace", "", "shop")
        await store.mark_deleted(SHOP)
        store.fail_with = StorageError("cannot write: full")
        async with controller(store):
            assert store.get(SHOP) is not None
            await asyncio.sleep(5.1)
            assert store.get(SHOP) is None

    virtual_time.run(main())
