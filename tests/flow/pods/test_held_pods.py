"""Pods that may not begin: the permission of who desires them is over."""

from __future__ import annotations

import asyncio

from tests.fakes.world import World, pod_document
from tests.flow.pods.stories import play


def test_a_pod_that_may_not_begin_is_not_made_until_it_may() -> None:
    async def story(w: World) -> None:
        w.held.add("web")
        await w.apply(pod_document())
        await asyncio.sleep(60)
        assert w.pod("web").status.phase == "Pending"
        assert await w.runtime.pods() == ()
        w.held.clear()
        await asyncio.sleep(15)
        assert w.pod("web").status.phase == "Running"

    play(story)


def test_a_pod_that_may_not_begin_can_be_deleted() -> None:
    async def story(w: World) -> None:
        w.held.add("web")
        await w.apply(pod_document())
        await asyncio.sleep(20)
        await w.delete("web")
        await asyncio.sleep(20)
        assert w.store.list("Pod") == ()

    play(story)


def test_a_pod_that_runs_goes_on_whatever_is_held_by_then() -> None:
    async def story(w: World) -> None:
        await w.apply(pod_document())
        await asyncio.sleep(5)
        w.held.add("web")
        await asyncio.sleep(60)
        assert w.pod("web").status.phase == "Running"

    play(story)
