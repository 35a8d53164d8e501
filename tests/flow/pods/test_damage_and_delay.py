from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from edgelet.api.pod import Pod
from edgelet.ports.object_store import Key
from tests.fakes import virtual_time
from tests.fakes.runtime import Program
from tests.fakes.world import World, pod_document, world

Story = Callable[[World], Awaitable[None]]


def play(story: Story) -> None:
    async def whole() -> None:
        async with world() as made:
            await story(made)

    virtual_time.run(whole())


def test_what_an_old_image_name_brings_late_is_not_what_the_new_one_starts_with() -> None:
    async def story(w: World) -> None:
        w.have("new:1", Program(after_s=20.0))
        w.images.registries.offer("old:1")
        w.images.hold.clear()  # the pull of the old one hangs
        document = pod_document(containers=[{"name": "app", "image": "old:1"}])
        await w.apply(document)
        await asyncio.sleep(1)
        document["spec"]["containers"][0]["image"] = "new:1"
        await w.apply(document)
        await asyncio.sleep(1)
        first = w.pod().status.container_statuses[0]
        assert first.image == "new:1"
        w.images.hold.set()
        await asyncio.sleep(25)  # it ended and was started again, after the old image came at last
        status = w.pod().status.container_statuses[0]
        assert (status.restart_count, status.image_id) == (1, first.image_id)

    play(story)


def test_an_image_that_comes_while_the_end_of_another_container_is_read_is_not_lost() -> None:
    async def story(w: World) -> None:
        w.have("short:1", Program(after_s=2.0))
        w.images.registries.offer("late:1")
        w.images.hold.clear()
        read_tail = w.files.read_tail

        async def slowly(path: str, limit_bytes: int) -> bytes | None:
            w.images.hold.set()
            await asyncio.sleep(1)
            return await read_tail(path, limit_bytes)

        w.files.read_tail = slowly  # type: ignore[method-assign]
        both = [{"name": "one", "image": "short:1"}, {"name": "two", "image": "late:1"}]
        await w.apply(pod_document(containers=both))
        await asyncio.sleep(5)
        assert w.pod().status.container_statuses[1].state.running is not None

    play(story)


def test_a_status_that_the_card_damaged_is_made_anew() -> None:
    async def story(w: World) -> None:
        uid = await w.apply(pod_document())
        await w.apply(pod_document("other"))
        await asyncio.sleep(1)
        before = w.runtime.containers(uid)
        await w.stop_agent()
        key = Key("Pod", "default", "web")
        await w.store.put_status(key, {"phase": "Running", "startTime": "20?6-01-01T00:00:00Z"}, uid=uid, durable=True)
        w.start_agent()
        await asyncio.sleep(1)
        assert w.condition("Ready") == "True"
        assert w.condition("Ready", "other") == "True"
        assert [one.id for one in w.runtime.containers(uid)] == [one.id for one in before]

    play(story)


def test_a_pod_that_the_card_damaged_disturbs_no_other_and_can_be_deleted() -> None:
    async def story(w: World) -> None:
        key = Key("Pod", "default", "web")
        uid = await w.apply(pod_document())
        await asyncio.sleep(1)
        await w.stop_agent()
        stored = w.store.get(key)
        assert stored is not None
        await w.store.put(key, {**stored.document, "spec": {"containers": "?"}}, source="api")
        w.start_agent()
        await w.apply(pod_document("other"))
        await asyncio.sleep(1)
        assert w.condition("Ready", "other") == "True"
        assert len(w.runtime.containers(uid)) == 1
        await w.delete("web")
        await asyncio.sleep(1)
        assert w.gone()
        assert w.runtime.containers(uid) == ()

    play(story)


def test_a_pod_that_was_turned_away_holds_no_port() -> None:
    async def story(w: World) -> None:
        seen: list[tuple[str, ...]] = []
        await w.stop_agent()
        dispatcher = w.start_agent()

        def admit(_pod: Pod, others: tuple[Pod, ...]) -> tuple[str, str] | None:
            seen.append(tuple(one.metadata.name for one in others))
            return w.rejection

        dispatcher._admit = admit
        w.rejection = ("NodePorts", "taken")
        await w.apply(pod_document("away"))
        await asyncio.sleep(1)
        w.rejection = None
        await w.apply(pod_document("web"))
        await asyncio.sleep(1)
        assert w.pod("away").status.phase == "Failed"
        assert seen == [(), ()]

    play(story)


def test_nothing_is_remembered_of_pods_that_are_gone() -> None:
    async def story(w: World) -> None:
        await w.stop_agent()
        dispatcher = w.start_agent()
        for _ in range(3):
            await w.apply(pod_document())
            await asyncio.sleep(3)
            await w.delete("web", grace_s=1)
            await asyncio.sleep(3)
        assert w.gone()
        writer = dispatcher._ports.status
        assert (writer._durable, writer._pending, dispatcher._workers, dispatcher._known) == ({}, {}, {}, {})

    play(story)
