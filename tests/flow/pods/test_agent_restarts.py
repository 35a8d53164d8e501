from __future__ import annotations

import asyncio

from edgelet.api.errors import EngineError, StorageError
from edgelet.ports.object_store import Key
from edgelet.ports.runtime import Running
from tests.fakes.runtime import Program
from tests.fakes.world import World, pod_document
from tests.flow.pods.stories import play


def test_back_off_survives_an_agent_restart() -> None:
    async def story(w: World) -> None:
        w.have("crash:1", Program(after_s=1.0, exit_code=3))
        await w.apply(pod_document(containers=[{"name": "app", "image": "crash:1"}]))
        await asyncio.sleep(60)
        count = w.pod().status.container_statuses[0].restart_count
        await w.stop_agent()
        await asyncio.sleep(1)
        w.start_agent()
        calls = await w.calls_during(10)
        assert not [call for call in calls if call.startswith("start_container")]
        assert w.pod().status.container_statuses[0].restart_count == count
        waiting = w.pod().status.container_statuses[0].state.waiting
        assert waiting is not None
        assert waiting.reason == "CrashLoopBackOff"

    play(story)


def test_an_agent_restart_touches_nothing_that_is_well() -> None:
    async def story(w: World) -> None:
        uid = await w.apply(pod_document())
        await asyncio.sleep(5)
        before = w.runtime.containers(uid)
        await w.stop_agent()
        w.start_agent()
        calls = await w.calls_during(60)
        assert calls == ["pods"]
        assert w.runtime.containers(uid) == before
        assert w.condition("Ready") == "True"

    play(story)


def test_an_exit_while_the_agent_was_down_is_seen_and_restarted() -> None:
    async def story(w: World) -> None:
        uid = await w.apply(pod_document())
        await asyncio.sleep(5)
        await w.stop_agent()
        w.runtime.kill(uid, "app", 9)
        w.start_agent()
        await asyncio.sleep(1)
        app = w.pod().status.container_statuses[0]
        assert (app.restart_count, app.ready) == (1, True)
        assert app.last_state.terminated is not None
        assert app.last_state.terminated.exit_code == 9

    play(story)


def test_a_final_phase_stays_over_an_agent_restart() -> None:
    async def story(w: World) -> None:
        w.have("job:1", Program(after_s=2.0))
        await w.apply(pod_document(restartPolicy="Never", containers=[{"name": "app", "image": "job:1"}]))
        await asyncio.sleep(5)
        before = w.pod().status
        await w.stop_agent()
        w.start_agent()
        calls = await w.calls_during(100)
        assert calls == ["pods"]
        assert w.pod().status == before

    play(story)


def test_after_a_reboot_pods_come_back_with_their_restart_counts() -> None:
    async def story(w: World) -> None:
        uid = await w.apply(pod_document())
        await asyncio.sleep(30)
        w.runtime.kill(uid, "app")
        await asyncio.sleep(30)
        await w.stop_agent()
        w.runtime.reboot()
        w.start_agent()
        await asyncio.sleep(10)
        status = w.pod().status
        assert status.phase == "Running"
        assert status.container_statuses[0].restart_count == 2

    play(story)


def test_what_runs_for_no_object_is_removed() -> None:
    async def story(w: World) -> None:
        uid = await w.apply(pod_document())
        await asyncio.sleep(1)
        await w.stop_agent()
        await w.store.remove(Key("Pod", "default", "web"))
        w.start_agent()
        await asyncio.sleep(1)
        assert w.runtime.containers(uid) == ()
        assert uid in w.files.removed

    play(story)


def test_after_a_lost_database_nothing_is_removed_before_the_sources_have_told() -> None:
    async def story(w: World) -> None:
        uid = await w.apply(pod_document())
        await asyncio.sleep(1)
        await w.stop_agent()
        await w.store.remove(Key("Pod", "default", "web"))
        told = asyncio.Event()
        w.start_agent(orphans_may_go=told)
        await asyncio.sleep(3600)
        assert [type(one.state) for one in w.runtime.containers(uid)] == [Running]
        told.set()
        await asyncio.sleep(1)
        assert w.runtime.containers(uid) == ()

    play(story)


def test_an_engine_that_is_away_costs_a_delay_only() -> None:
    async def story(w: World) -> None:
        w.runtime.failing["create_sandbox"] = EngineError("FailedCreatePodSandBox", "no")
        await w.apply(pod_document())
        await asyncio.sleep(35)
        assert w.pod().status.phase == "Pending"
        assert w.events.reasons().count("FailedCreatePodSandBox") in {3, 4}
        del w.runtime.failing["create_sandbox"]
        await asyncio.sleep(15)
        assert w.pod().status.phase == "Running"

    play(story)


def test_nothing_is_removed_before_the_final_status_is_on_disk() -> None:
    async def story(w: World) -> None:
        w.have("job:1", Program(after_s=2.0))
        uid = await w.apply(pod_document(restartPolicy="Never", containers=[{"name": "app", "image": "job:1"}]))
        await asyncio.sleep(1.5)  # what is not final is on disk: the next write is the final one
        w.store.fail_with = StorageError("disk full")
        await asyncio.sleep(3)
        assert len(w.runtime.containers(uid)) == 1
        await asyncio.sleep(10)
        assert w.pod().status.phase == "Succeeded"
        assert w.runtime.containers(uid) == ()

    play(story)
