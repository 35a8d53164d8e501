from __future__ import annotations

import asyncio
from datetime import timedelta

from edgelet.api.errors import EdgeletError
from tests.fakes.world import World, pod_document
from tests.flow.pods.stories import play


def test_a_pod_gets_users_of_its_own_before_its_files_and_keeps_them_in_every_sandbox() -> None:
    async def story(w: World) -> None:
        uid = await w.apply(pod_document(hostUsers=False))
        plain = await w.apply(pod_document("plain"))
        await asyncio.sleep(2)
        first = w.files.ids[uid]
        assert plain not in w.files.ids
        assert {spec.pod.uid: spec.user_ids_first for spec in w.runtime.sandboxes_made} == {uid: first, plain: 0}
        w.runtime.lose_sandbox(uid)
        await asyncio.sleep(40)
        await w.stop_agent()
        w.start_agent()
        await asyncio.sleep(2)
        assert w.runtime.running() == ["plain/app", "web/app"]
        assert {one.user_ids_first for one in w.runtime.sandboxes_made if one.pod.uid == uid} == {first}
        await w.delete("web", grace_s=0)
        await asyncio.sleep(5)
        assert w.files.ids == {}

    play(story)


def test_without_ids_left_the_pod_waits_and_says_why() -> None:
    async def story(w: World) -> None:
        error = EdgeletError("FailedMount", "create user namespace: none left", retry_after=timedelta(seconds=10))
        w.files.failures.append(error)
        await w.apply(pod_document(hostUsers=False))
        await asyncio.sleep(2)
        assert w.runtime.running() == []
        assert "FailedMount  create user namespace: none left" in w.events.lines
        await asyncio.sleep(20)
        assert w.runtime.running() == ["web/app"]

    play(story)
