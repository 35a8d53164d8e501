"""What every NameServer does: the fake one, aardvark-dns."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import Protocol

import pytest

from edgelet.adapters.aardvark import process
from edgelet.api.errors import EngineError
from edgelet.ports.name_server import NameEntry, NameServer
from tests.contract.name_server import test_aardvark
from tests.contract.name_server.test_aardvark import PATIENCE_S, Node, base
from tests.fakes.name_server import FakeNameServer
from tests.fixtures.network_namespace import needs_root

__all__ = ["base"]

pytestmark = needs_root
ENTRIES = (NameEntry(IPv4Address("10.77.0.2"), ("web.default", "web")),)


class World(Protocol):
    """A server, and what the world does to it."""

    @property
    def server(self) -> NameServer: ...

    async def plug_in(self) -> None: ...

    def spoil(self) -> contextlib.AbstractContextManager[object]: ...

    def kill(self) -> None: ...


class FakeWorld:
    def __init__(self) -> None:
        self.server = FakeNameServer()
        self.server.plugged_in = False

    async def plug_in(self) -> None:
        self.server.plugged_in = True

    @contextlib.contextmanager
    def spoil(self) -> Iterator[None]:
        self.server.broken = "the program is not there"
        yield
        self.server.broken = ""

    def kill(self) -> None:
        self.server.end()


class RealWorld:
    def __init__(self, site: Node, patch: pytest.MonkeyPatch) -> None:
        self.site = site
        self.server = site.server
        self._patch = patch

    async def plug_in(self) -> None:
        await self.site.plug("web")

    @contextlib.contextmanager
    def spoil(self) -> Iterator[None]:
        with self._patch.context() as patch:
            patch.setattr(process, "program", str)
            yield

    def kill(self) -> None:
        os.kill(self.site.pid(), signal.SIGKILL)


Story = Callable[[World], Awaitable[None]]
Play = Callable[[Story], None]


@pytest.fixture(params=["fake", "aardvark"])
def play(request: pytest.FixtureRequest, base: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    async def in_time(story: Story, world: World) -> None:
        async with asyncio.timeout(3 * PATIENCE_S):
            await story(world)

    if request.param == "fake":
        return lambda story: asyncio.run(in_time(story, FakeWorld()))
    return lambda story: test_aardvark.on_a_node(base, lambda site: in_time(story, RealWorld(site, monkeypatch)))


def test_it_runs_from_the_first_names_to_the_last(play: Play) -> None:
    async def story(world: World) -> None:
        assert await world.server.why_not() == ""
        assert not await world.server.runs()
        assert not await world.server.serve(ENTRIES), "no pod has been plugged in"
        assert not await world.server.runs()
        await world.plug_in()
        for _ in range(2):
            assert await world.server.serve(ENTRIES)
            assert await world.server.runs()
        assert await world.server.serve(())
        assert not await world.server.runs()
        assert await world.server.serve(())

    play(story)


def test_an_end_that_nobody_asked_for_is_told_and_serving_again_mends_it(play: Play) -> None:
    async def story(world: World) -> None:
        await world.plug_in()
        await world.server.serve(ENTRIES)
        ended = asyncio.create_task(world.server.ended())
        await asyncio.sleep(0.05)
        assert not ended.done()
        world.kill()
        await ended
        assert not await world.server.runs()
        assert await world.server.serve(ENTRIES)
        assert await world.server.runs()

    play(story)


def test_what_cannot_run_says_why(play: Play) -> None:
    async def story(world: World) -> None:
        await world.plug_in()
        with world.spoil():
            why = await world.server.why_not()
            assert why
            with pytest.raises(EngineError) as caught:
                await world.server.serve(ENTRIES)
            assert caught.value.reason == "PodDNSUnavailable"
            assert await world.server.serve(()), "to stop is always possible"
        assert await world.server.serve(ENTRIES)

    play(story)
