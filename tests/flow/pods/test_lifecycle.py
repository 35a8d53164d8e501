from __future__ import annotations

import asyncio

from tests.fakes.runtime import Program
from tests.fakes.world import World, pod_document
from tests.flow.pods.stories import play


def test_a_pod_comes_up_and_is_ready() -> None:
    async def story(w: World) -> None:
        await w.apply(pod_document())
        await asyncio.sleep(1)
        status = w.pod().status
        assert status.phase == "Running"
        assert w.condition("Ready") == "True"
        assert status.pod_ip == "10.77.0.2"
        assert status.host_ip == "192.0.2.7"
        assert [one.type for one in status.conditions] == [
            "PodReadyToStartContainers",
            "Initialized",
            "Ready",
            "ContainersReady",
            "PodScheduled",
        ]
        app = status.container_statuses[0]
        assert (app.ready, app.started, app.restart_count, app.image) == (True, True, 0, "app:1")
        assert app.state.running is not None

    play(story)


def test_containers_start_in_the_order_of_the_spec() -> None:
    async def story(w: World) -> None:
        names = ["c", "a", "b"]
        await w.apply(pod_document(containers=[{"name": name, "image": "app:1"} for name in names]))
        await asyncio.sleep(1)
        starts = [call.split()[1] for call in w.runtime.calls if call.startswith("start_container")]
        assert starts == ["c#0", "a#0", "b#0"]
        assert [one.name for one in w.pod().status.container_statuses] == ["a", "b", "c"]

    play(story)


def test_a_quiet_pod_asks_nothing_of_the_engine() -> None:
    async def story(w: World) -> None:
        await w.apply(pod_document())
        await asyncio.sleep(5)
        writes = w.store.writes
        assert await w.calls_during(24 * 3600) == []
        assert w.store.writes == writes

    play(story)


def test_deletion_stops_within_the_grace_period_and_leaves_nothing() -> None:
    async def story(w: World) -> None:
        w.have("stubborn:1", Program(ignores_term=True))
        uid = await w.apply(pod_document(containers=[{"name": "app", "image": "stubborn:1"}]))
        await asyncio.sleep(1)
        await w.delete("web", grace_s=5)
        await asyncio.sleep(4)
        assert not w.gone()
        assert w.pod().status.phase == "Running"
        await asyncio.sleep(2)
        assert w.gone()
        assert w.runtime.containers(uid) == ()
        assert w.files.removed == [uid]

    play(story)


def test_a_second_delete_shortens_the_grace_period() -> None:
    async def story(w: World) -> None:
        w.have("stubborn:1", Program(ignores_term=True))
        await w.apply(pod_document(containers=[{"name": "app", "image": "stubborn:1"}]))
        await asyncio.sleep(1)
        await w.delete("web", grace_s=300)
        await asyncio.sleep(10)
        assert not w.gone()
        await w.delete("web", grace_s=0)
        await asyncio.sleep(2.5)
        assert w.gone()

    play(story)


def test_a_changed_image_restarts_that_container_alone() -> None:
    async def story(w: World) -> None:
        w.have("app:2")
        both = [{"name": "app", "image": "app:1"}, {"name": "side", "image": "app:1"}]
        await w.apply(pod_document(containers=both))
        await asyncio.sleep(1)
        await w.apply(pod_document(containers=[{"name": "app", "image": "app:2"}, both[1]]))
        await asyncio.sleep(1)
        found = {one.name: one for one in w.pod().status.container_statuses}
        assert (found["app"].restart_count, found["app"].image) == (1, "app:2")
        assert found["side"].restart_count == 0
        assert found["app"].ready

    play(story)


def test_a_changed_image_restarts_also_what_would_not_restart_by_itself() -> None:
    async def story(w: World) -> None:
        w.have("app:2")
        await w.apply(pod_document(restartPolicy="Never", containers=[{"name": "app", "image": "app:1"}]))
        await asyncio.sleep(1)
        await w.apply(pod_document(restartPolicy="Never", containers=[{"name": "app", "image": "app:2"}]))
        await asyncio.sleep(1)
        status = w.pod().status
        assert (status.phase, status.container_statuses[0].image) == ("Running", "app:2")

    play(story)


def test_a_missing_image_backs_off_and_comes_when_it_appears() -> None:
    async def story(w: World) -> None:
        await w.apply(pod_document(containers=[{"name": "app", "image": "later:1"}]))
        await asyncio.sleep(0.5)
        waiting = w.pod().status.container_statuses[0].state.waiting
        assert waiting is not None
        assert waiting.reason == "ErrImagePull"
        await asyncio.sleep(4)
        waiting = w.pod().status.container_statuses[0].state.waiting
        assert waiting is not None
        assert waiting.reason == "ImagePullBackOff"
        assert w.pod().status.phase == "Pending"
        w.have("later:1")
        await asyncio.sleep(20)
        assert w.pod().status.phase == "Running"

    play(story)


def test_one_missing_image_does_not_hold_the_other_container_back() -> None:
    async def story(w: World) -> None:
        await w.apply(pod_document(containers=[{"name": "none", "image": "none:1"}, {"name": "app", "image": "app:1"}]))
        await asyncio.sleep(1)
        assert w.runtime.running() == ["web/app"]
        assert w.pod().status.phase == "Pending"

    play(story)


def test_a_missing_config_map_holds_the_container_until_it_comes() -> None:
    reference = {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "a"}}}

    async def story(w: World) -> None:
        await w.apply(pod_document(containers=[{"name": "app", "image": "app:1", "env": [reference]}]))
        await asyncio.sleep(1)
        waiting = w.pod().status.container_statuses[0].state.waiting
        assert waiting is not None
        assert (waiting.reason, waiting.message) == ("CreateContainerConfigError", 'configmap "settings" not found')
        await w.apply(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "settings", "namespace": "default"},
                "data": {"a": "1"},
            }
        )
        await asyncio.sleep(1)
        assert w.pod().status.phase == "Running"

    play(story)


def test_the_death_of_the_sandbox_brings_a_new_one_with_a_new_address() -> None:
    async def story(w: World) -> None:
        uid = await w.apply(pod_document())
        await asyncio.sleep(30)
        first = w.pod().status.pod_ip
        w.runtime.lose_sandbox(uid)
        await asyncio.sleep(10)
        status = w.pod().status
        assert status.phase == "Running"
        assert status.pod_ip != first
        assert status.container_statuses[0].restart_count == 1
        assert "SandboxChanged" in w.events.reasons()

    play(story)


def test_init_containers_run_one_by_one_before_the_app() -> None:
    async def story(w: World) -> None:
        w.have("init:1", Program(after_s=2.0))
        inits = [{"name": "one", "image": "init:1"}, {"name": "two", "image": "init:1"}]
        await w.apply(pod_document(initContainers=inits))
        await asyncio.sleep(1)
        assert w.runtime.running() == ["web/one"]
        assert w.condition("Initialized") == "False"
        await asyncio.sleep(2)
        assert w.runtime.running() == ["web/two"]
        await asyncio.sleep(2)
        assert w.runtime.running() == ["web/app"]
        assert w.condition("Ready") == "True"

    play(story)


def test_a_failed_init_container_under_never_fails_the_pod() -> None:
    async def story(w: World) -> None:
        w.have("init:1", Program(after_s=1.0, exit_code=1))
        await w.apply(pod_document(restartPolicy="Never", initContainers=[{"name": "one", "image": "init:1"}]))
        await asyncio.sleep(5)
        assert w.pod().status.phase == "Failed"
        assert not [call for call in w.runtime.calls if call.startswith("start_container app")]

    play(story)


def test_a_sidecar_does_not_keep_a_pod_from_its_end() -> None:
    async def story(w: World) -> None:
        w.have("job:1", Program(after_s=5.0))
        await w.apply(
            pod_document(
                restartPolicy="Never",
                initContainers=[{"name": "side", "image": "app:1", "restartPolicy": "Always"}],
                containers=[{"name": "app", "image": "job:1"}],
            )
        )
        await asyncio.sleep(2)
        assert w.runtime.running() == ["web/app", "web/side"]
        assert w.condition("Initialized") == "True"
        await asyncio.sleep(5)
        assert w.pod().status.phase == "Succeeded"
        assert w.runtime.running() == []

    play(story)


def test_a_rejected_pod_is_failed_and_nothing_of_it_runs() -> None:
    async def story(w: World) -> None:
        w.rejection = ("NodePorts", "Pod was rejected: Node didn't have free ports for the requested pod ports")
        await w.apply(pod_document())
        await asyncio.sleep(5)
        status = w.pod().status
        assert (status.phase, status.reason) == ("Failed", "NodePorts")
        assert w.runtime.running() == []
        assert w.events.lines == ["NodePorts  Node didn't have free ports for the requested pod ports"]
        await w.delete("web")
        await asyncio.sleep(1)
        assert w.gone()

    play(story)


def test_a_pod_with_the_same_name_is_another_pod() -> None:
    async def story(w: World) -> None:
        first = await w.apply(pod_document())
        await asyncio.sleep(1)
        await w.delete("web", grace_s=1)
        await asyncio.sleep(3)
        second = await w.apply(pod_document())
        await asyncio.sleep(1)
        assert first != second
        assert w.pod().status.container_statuses[0].restart_count == 0
        assert w.runtime.running() == ["web/app"]

    play(story)
