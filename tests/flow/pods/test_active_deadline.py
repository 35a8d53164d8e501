from __future__ import annotations

import asyncio

from tests.fakes.runtime import Program
from tests.fakes.world import World, pod_document
from tests.flow.pods.stories import play

MESSAGE = "Pod was active on the node longer than the specified deadline"


def _failed(w: World) -> bool:
    status = w.pod().status
    return (status.phase, status.reason, status.message) == ("Failed", "DeadlineExceeded", MESSAGE)


def test_a_pod_fails_when_its_deadline_has_passed_and_nothing_of_it_runs_on() -> None:
    async def story(w: World) -> None:
        await w.apply(pod_document(activeDeadlineSeconds=20))
        await asyncio.sleep(19)
        assert w.pod().status.phase == "Running"
        assert w.pod().status.reason is None
        await asyncio.sleep(2)
        assert _failed(w)
        assert w.runtime.running() == []
        ended = w.pod().status.container_statuses[0].state.terminated
        assert ended is not None
        assert ended.exit_code == 143

    play(story)


def test_the_phase_is_shown_only_when_the_last_container_stopped() -> None:
    async def story(w: World) -> None:
        w.have("deaf:1", Program(ignores_term=True))
        await w.apply(pod_document(activeDeadlineSeconds=10, containers=[{"name": "app", "image": "deaf:1"}]))
        await asyncio.sleep(30)
        assert (w.pod().status.phase, w.pod().status.reason) == ("Running", None)
        await asyncio.sleep(15)
        assert _failed(w)

    play(story)


def test_the_deadline_counts_from_the_start_of_the_pod_not_of_the_agent() -> None:
    async def story(w: World) -> None:
        await w.apply(pod_document(activeDeadlineSeconds=100))
        await asyncio.sleep(60)
        await w.stop_agent()
        await asyncio.sleep(20)
        w.start_agent()
        await asyncio.sleep(10)
        assert w.pod().status.phase == "Running"
        await asyncio.sleep(15)
        assert _failed(w)

    play(story)


def test_a_deadline_that_passed_while_the_agent_was_away_is_found() -> None:
    async def story(w: World) -> None:
        await w.apply(pod_document(activeDeadlineSeconds=30))
        await asyncio.sleep(5)
        await w.stop_agent()
        await asyncio.sleep(300)
        w.start_agent()
        await asyncio.sleep(1)
        assert _failed(w)
        starts = [call for call in w.runtime.calls if call.startswith("start_container")]
        assert len(starts) == 1

    play(story)


def test_waiting_for_an_image_counts() -> None:
    async def story(w: World) -> None:
        await w.apply(pod_document(activeDeadlineSeconds=30, containers=[{"name": "app", "image": "absent:1"}]))
        await asyncio.sleep(31)
        assert _failed(w)
        assert w.runtime.containers(w.pod().metadata.uid) == ()

    play(story)


def test_a_shortened_deadline_counts_from_the_same_start() -> None:
    async def story(w: World) -> None:
        document = pod_document(activeDeadlineSeconds=1000)
        await w.apply(document)
        await asyncio.sleep(50)
        document["spec"]["activeDeadlineSeconds"] = 60
        await w.apply(document)
        await asyncio.sleep(5)
        assert w.pod().status.phase == "Running"
        await asyncio.sleep(6)
        assert _failed(w)

    play(story)


def test_a_pod_that_ended_in_time_stays_as_it_ended() -> None:
    async def story(w: World) -> None:
        w.have("job:1", Program(after_s=5.0))
        await w.apply(
            pod_document(
                restartPolicy="Never", activeDeadlineSeconds=10, containers=[{"name": "app", "image": "job:1"}]
            )
        )
        await asyncio.sleep(60)
        assert (w.pod().status.phase, w.pod().status.reason) == ("Succeeded", None)

    play(story)
