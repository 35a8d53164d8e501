from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from edgelet.network.pod_dns import PodDns
from edgelet.ports.object_store import Key
from tests.fakes import virtual_time
from tests.fakes.name_server import FakeNameServer
from tests.fakes.object_store import FakeObjectStore
from tests.fakes.virtual_time import VirtualClock

WHY = "cannot run it: not installed"


class Site:
    """A keeper of names that runs, and everything around it."""

    def __init__(self) -> None:
        self.store = FakeObjectStore()
        self.server = FakeNameServer()
        self.told: list[str] = []
        self.adopted = asyncio.Event()
        self.keeping = self.keeper(self.store)

    def keeper(self, store: FakeObjectStore) -> PodDns:
        self.store = store
        return PodDns(
            store=store, server=self.server, clock=VirtualClock(), adopted=self.adopted.wait, told=self.told.append
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        await self.keeping.begin()
        task = asyncio.create_task(self.keeping.run())
        await asyncio.sleep(1)
        try:
            yield
            assert not task.done(), task.exception()
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def pod(self, name: str, ip: str) -> Key:
        key = Key("Pod", "default", name)
        stored = await self.store.put(key, {"kind": "Pod", "spec": {"containers": []}}, source="api")
        await self.status(key, stored.uid, ip)
        return key

    async def status(self, key: Key, uid: str, ip: str, **more: Any) -> None:
        await self.store.put_status(key, {"phase": "Running", "podIP": ip, **more}, uid=uid, durable=False)

    def addresses(self) -> list[list[str]]:
        return [[str(one.address) for one in entries] for entries in self.server.served]


def test_the_server_has_the_pods_that_are_there_and_follows_them() -> None:
    async def body() -> None:
        site = Site()
        first = await site.pod("a", "10.77.0.2")
        async with site.running():
            assert site.addresses() == [["10.77.0.2"]]
            await site.pod("b", "10.77.0.3")
            await asyncio.sleep(1)
            await site.store.remove(first)
            await asyncio.sleep(1)
            assert site.addresses()[1:] == [["10.77.0.2", "10.77.0.3"], ["10.77.0.3"]]
            assert site.told == [""]

    virtual_time.run(body())


def test_many_pods_at_once_are_told_once() -> None:
    async def body() -> None:
        site = Site()
        async with site.running():
            for number in range(30):
                await site.pod(f"p{number}", f"10.77.0.{number + 2}")
                await asyncio.sleep(0.001)
            await asyncio.sleep(1)
            assert [len(one) for one in site.addresses()][-1] == 30
            assert len(site.server.served) <= 4

    virtual_time.run(body())


def test_a_status_that_changes_no_name_wakes_nobody() -> None:
    async def body() -> None:
        site = Site()
        key = await site.pod("a", "10.77.0.2")
        stored = site.store.get(key)
        assert stored is not None
        async with site.running():
            for number in range(10):
                await site.status(key, stored.uid, "10.77.0.2", message=str(number))
                await asyncio.sleep(1)
            assert len(site.server.served) == 1

    virtual_time.run(body())


def test_without_pods_nothing_is_looked_after() -> None:
    async def body() -> None:
        site = Site()
        async with site.running():
            await asyncio.sleep(3600)
            assert site.addresses() == [[]]

    virtual_time.run(body())


def test_with_pods_the_server_is_seen_to_once_a_minute() -> None:
    async def body() -> None:
        site = Site()
        await site.pod("a", "10.77.0.2")
        async with site.running():
            await asyncio.sleep(600)
            assert 9 <= len(site.server.served) <= 11

    virtual_time.run(body())


def test_before_the_address_is_there_it_is_asked_again_soon_and_nobody_is_alarmed() -> None:
    async def body() -> None:
        site = Site()
        site.server.plugged_in = False
        await site.pod("a", "10.77.0.2")
        async with site.running():
            await asyncio.sleep(10)
            asked = len(site.server.served)
            assert asked >= 8
            site.server.plugged_in = True
            await asyncio.sleep(10)
            assert len(site.server.served) <= asked + 2
            assert site.told == [""]

    virtual_time.run(body())


def test_a_server_that_ended_is_started_again_at_once_and_one_that_keeps_ending_ever_later() -> None:
    async def body() -> None:
        site = Site()
        await site.pod("a", "10.77.0.2")
        async with site.running():
            await asyncio.sleep(20)
            site.server.end()
            await asyncio.sleep(0.5)
            assert len(site.server.served) == 2
            for _ in range(500):
                site.server.end()
                await asyncio.sleep(0.1)
            assert len(site.server.served) < 12

    virtual_time.run(body())


def test_what_a_moment_heals_is_not_told() -> None:
    async def body() -> None:
        site = Site()
        async with site.running():
            site.server.broken = WHY
            await site.pod("a", "10.77.0.2")
            await asyncio.sleep(1.5)
            site.server.broken = ""
            await asyncio.sleep(60)
            assert site.told == [""]

    virtual_time.run(body())


def test_a_server_that_cannot_be_had_is_told_once_and_so_is_its_return() -> None:
    async def body() -> None:
        site = Site()
        await site.pod("a", "10.77.0.2")
        async with site.running():
            site.server.broken = WHY
            site.server.end()
            await asyncio.sleep(3600)
            assert site.told == ["", WHY]
            site.server.broken = ""
            await asyncio.sleep(120)
            assert site.told == ["", WHY, ""]

    virtual_time.run(body())


def test_what_is_known_to_be_missing_is_told_before_the_first_pod() -> None:
    async def body() -> None:
        site = Site()
        site.server.broken = WHY
        async with site.running():
            assert site.told == [WHY]

    virtual_time.run(body())


def test_an_agent_that_stops_leaves_the_server_to_pods_and_ends_it_where_none_is() -> None:
    async def body() -> None:
        site = Site()
        key = await site.pod("a", "10.77.0.2")
        async with site.running():
            pass
        assert site.addresses() == [["10.77.0.2"]]
        other = Site()
        other.keeping = other.keeper(site.store)
        async with other.running():
            await site.store.remove(key)
            await asyncio.sleep(0.001)
        assert other.addresses() == [["10.77.0.2"], []]

    virtual_time.run(body())


def test_a_server_that_runs_keeps_its_names_until_the_pods_are_recognised() -> None:
    async def body() -> None:
        site = Site()
        site.server.running = True
        key = await site.pod("a", "")
        stored = site.store.get(key)
        assert stored is not None
        async with site.running():
            await asyncio.sleep(60)
            site.adopted.set()
            await asyncio.sleep(1)
            assert site.addresses() == []
            await site.status(key, stored.uid, "10.77.0.2")
            await asyncio.sleep(1)
            assert site.addresses() == [["10.77.0.2"]]

    virtual_time.run(body())


def test_a_pod_that_gets_no_address_keeps_the_names_of_the_others_back_for_some_seconds_only() -> None:
    async def body() -> None:
        site = Site()
        site.server.running = True
        site.adopted.set()
        await site.pod("stuck", "")
        await site.pod("a", "10.77.0.2")
        async with site.running():
            await asyncio.sleep(15)
            assert site.addresses() == [["10.77.0.2"]]

    virtual_time.run(body())
