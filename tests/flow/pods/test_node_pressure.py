from __future__ import annotations

import asyncio
from typing import Any

from edgelet.api import conditions
from edgelet.api.errors import EngineError
from edgelet.ports.pod_eviction import Part, Shortage
from tests.fakes.runtime import Program
from tests.fakes.world import World, pod_document
from tests.flow.pods.stories import play

MIB = 1 << 20
MEMORY = Shortage(resource="memory", threshold="100Mi", available="50Mi")
EVERYTHING: frozenset[Part] = frozenset({"layers", "logs", "volumes"})
DISK = Shortage(resource="ephemeral-storage", threshold="3Gi", available="1Gi", parts=EVERYTHING)
REASON = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. "


async def _run(w: World, name: str, *, uses: int = MIB, **spec: Any) -> str:
    uid = await w.apply(pod_document(name, **spec))
    w.runtime.working_sets[uid, "app"] = uses
    await asyncio.sleep(3)
    assert w.pod(name).status.phase == "Running"
    return uid


async def _evict(w: World, shortage: Shortage = MEMORY) -> bool:
    assert w.evictor is not None
    return await w.evictor.evict(shortage)


def _phases(w: World, *names: str) -> list[str | None]:
    return [w.pod(name).status.phase for name in names]


def test_the_largest_goes_with_the_kubelets_words_condition_and_event_and_one_at_a_time() -> None:
    async def story(w: World) -> None:
        await _run(w, "small")
        await _run(w, "large", uses=80 * MIB)
        assert await _evict(w)
        assert _phases(w, "small", "large") == ["Running", "Failed"]
        status = w.pod("large").status
        message = f"{REASON}Container app was using 80Mi, request is 0, has larger consumption of memory. "
        assert (status.reason, status.message) == ("Evicted", message)
        found = conditions.find(status.conditions, "DisruptionTarget")
        assert found is not None
        assert (found.status, found.reason, found.message) == ("True", "TerminationByKubelet", message)
        assert found.last_transition_time is not None
        assert f"Evicted  {message}" in w.events.lines
        assert w.condition("Ready", "large") == "False"
        assert status.container_statuses[0].state.terminated is not None
        await asyncio.sleep(600)
        assert len(w.runtime.running()) == 1
        assert conditions.is_true(w.pod("large").status.conditions, "DisruptionTarget")

    play(story)


def test_it_has_two_seconds_to_stop_and_the_evictor_waits_until_it_gave_everything_back() -> None:
    async def story(w: World) -> None:
        w.have("deaf:1", Program(ignores_term=True))
        volume = {"name": "v", "emptyDir": {}}
        container = {"name": "app", "image": "deaf:1", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}
        uid = await _run(w, "web", containers=[container], volumes=[volume], terminationGracePeriodSeconds=300)
        began_s = w.clock.monotonic_s()
        assert await _evict(w)
        assert w.clock.monotonic_s() - began_s < 5
        assert f"stop_container {uid}-app-0 2" in w.runtime.calls
        assert [path for path in w.files.directories if "empty-dir" in path] == []
        assert [path for path in w.files.directories if path.startswith(w.files.paths.logs)]

    play(story)


def test_a_soft_eviction_leaves_the_pod_its_own_time_within_the_bound() -> None:
    async def story(w: World) -> None:
        w.have("deaf:1", Program(ignores_term=True))
        uid = await _run(w, "web", containers=[{"name": "app", "image": "deaf:1"}])
        soft = Shortage(resource="memory", threshold="1", available="0", hard=False, max_grace_s=12)
        assert await _evict(w, soft)
        assert f"stop_container {uid}-app-0 12" in w.runtime.calls

    play(story)


def test_critical_pods_stay_and_if_there_are_no_others_nothing_is_measured() -> None:
    async def story(w: World) -> None:
        await _run(w, "critical", uses=900 * MIB, priority=2_000_000_000)
        document = pod_document("static")
        document["metadata"]["annotations"] = {"kubernetes.io/config.source": "file"}
        await w.apply(document)
        await asyncio.sleep(3)
        assert not await _evict(w)
        assert not await _evict(w, DISK)
        assert w.disk.measured == 0
        assert _phases(w, "critical", "static") == ["Running", "Running"]

    play(story)


def test_the_final_status_is_kept_before_anything_of_the_pod_is_removed() -> None:
    async def story(w: World) -> None:
        uid = await _run(w, "web")
        w.runtime.failing["remove_pod"] = EngineError("EngineUnavailable", "gone")
        evicting = asyncio.create_task(_evict(w))
        await asyncio.sleep(10)
        assert w.pod().status.reason == "Evicted"
        assert uid in {one.pod.uid for one in await w.runtime.pods()}
        await w.stop_agent()
        evicting.cancel()
        w.runtime.failing.clear()
        w.start_agent()
        await asyncio.sleep(30)
        assert await w.runtime.pods() == ()
        assert w.pod().status.reason == "Evicted"
        assert conditions.is_true(w.pod().status.conditions, "DisruptionTarget")

    play(story)


def test_an_agent_that_dies_while_the_pod_still_ends_may_decide_anew() -> None:
    async def story(w: World) -> None:
        w.have("deaf:1", Program(ignores_term=True))
        await _run(w, "web", containers=[{"name": "app", "image": "deaf:1"}])
        soft = Shortage(resource="memory", threshold="1", available="0", hard=False)
        evicting = asyncio.create_task(_evict(w, soft))
        await asyncio.sleep(5)
        evicting.cancel()
        await w.stop_agent()
        w.start_agent()
        await asyncio.sleep(60)
        assert w.pod().status.phase == "Running", "nothing final was told, so it goes on by its restart policy"
        assert await _evict(w)
        assert (w.pod().status.phase, w.pod().status.reason) == ("Failed", "Evicted")

    play(story)


def test_one_that_is_deleted_or_over_is_no_candidate() -> None:
    async def story(w: World) -> None:
        w.have("short:1", Program(after_s=1))
        w.have("deaf:1", Program(ignores_term=True))
        await w.apply(pod_document("done", restartPolicy="Never", containers=[{"name": "app", "image": "short:1"}]))
        await _run(w, "going", uses=500 * MIB, containers=[{"name": "app", "image": "deaf:1"}])
        await w.delete("going", grace_s=60)
        await asyncio.sleep(3)
        assert not await _evict(w)
        assert w.pod("done").status.phase == "Succeeded"

    play(story)


def test_one_of_which_nothing_runs_yet_goes_first_and_is_never_started() -> None:
    async def story(w: World) -> None:
        await _run(w, "large", uses=500 * MIB)
        await w.apply(pod_document("missing", containers=[{"name": "app", "image": "nowhere:1"}]))
        volumes = [{"name": "v", "configMap": {"name": "none"}}]
        mounts = [{"name": "v", "mountPath": "/v"}]
        container = {"name": "app", "image": "app:1", "volumeMounts": mounts}
        await w.apply(pod_document("waits", containers=[container], volumes=volumes))
        await asyncio.sleep(3)
        assert await _evict(w)
        assert _phases(w, "large", "missing", "waits") == ["Running", "Pending", "Failed"]
        assert w.pod("waits").status.message == REASON

    play(story)


def test_one_that_cannot_be_measured_is_no_reason_not_to_evict() -> None:
    async def story(w: World) -> None:
        await _run(w, "web")

        async def broken(uid: str) -> Any:
            raise EngineError("EngineUnavailable", f"nobody knows {uid}")

        w.runtime.usage = broken  # type: ignore[method-assign]  # the engine as the evictor sees it
        assert await _evict(w)
        assert w.pod().status.message == REASON

    play(story)


def test_while_one_cannot_go_no_other_is_told_to_until_it_is_clear_that_it_is_stuck() -> None:
    async def story(w: World) -> None:
        await _run(w, "first", uses=80 * MIB)
        await _run(w, "second", uses=40 * MIB)
        w.runtime.failing["stop_container"] = EngineError("EngineUnavailable", "gone")
        assert await _evict(w)
        assert not await _evict(w)
        assert [line for line in w.events.lines if line.startswith("Evicted")] != []
        assert _phases(w, "first", "second") == ["Running", "Running"]
        w.runtime.failing.clear()
        await asyncio.sleep(60)
        assert _phases(w, "first", "second") == ["Failed", "Running"]
        assert await _evict(w)
        assert _phases(w, "second") == ["Failed"]

    async def stuck(w: World) -> None:
        await _run(w, "first", uses=80 * MIB)
        await _run(w, "second", uses=40 * MIB)
        w.runtime.failing["stop_container"] = EngineError("EngineUnavailable", "gone")
        assert await _evict(w)
        await asyncio.sleep(120)
        assert await _evict(w)
        assert len([line for line in w.events.lines if line.startswith("Evicted")]) == 2

    play(story)
    play(stuck)


def test_process_numbers_go_by_priority_and_count() -> None:
    async def story(w: World) -> None:
        few, many = await _run(w, "few", uses=900 * MIB), await _run(w, "many")
        w.runtime.pids = {(few, "app"): 10, (many, "app"): 400}
        assert await _evict(w, Shortage(resource="pids", threshold="1k", available="10"))
        assert _phases(w, "few", "many") == ["Running", "Failed"]
        message = "The node was low on resource: pids. Threshold quantity: 1k, available: 10. "
        assert w.pod("many").status.message == message

    play(story)


def test_on_a_full_disk_what_lies_on_it_counts() -> None:
    async def story(w: World) -> None:
        for name in ("logs", "layer", "volume"):
            container = {"name": "app", "image": "app:1", "volumeMounts": [{"name": name, "mountPath": "/v"}]}
            await _run(w, name, containers=[container], volumes=[{"name": name, "emptyDir": {}}])
        uid = next(one.pod.uid for one in await w.runtime.pods() if one.pod.name == "layer")
        log_uid = next(one.pod.uid for one in await w.runtime.pods() if one.pod.name == "logs")
        w.disk.bytes = {f"{uid}-app-0": 9 * MIB, f"default_logs_{log_uid}/app": 5 * MIB, "empty-dir/volume": 7 * MIB}
        nothing = Shortage(resource="ephemeral-storage", threshold="3Gi", available="1Gi")
        assert not await _evict(w, nothing), "no pod has anything on that disk"
        node = Shortage(resource="ephemeral-storage", threshold="3Gi", available="1Gi", parts={"logs", "volumes"})
        assert await _evict(w, node)
        assert _phases(w, "logs", "layer", "volume") == ["Running", "Running", "Failed"]
        assert await _evict(w, DISK)
        assert _phases(w, "logs", "layer") == ["Running", "Failed"]
        words = "Container app was using 9Mi, request is 0, has larger consumption of ephemeral-storage. "
        assert (w.pod("layer").status.message or "").endswith(words)

    play(story)


def test_inodes_are_counted_on_a_disk_that_has_too_few() -> None:
    async def story(w: World) -> None:
        await _run(w, "calm")
        container = {"name": "app", "image": "app:1", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}
        await _run(w, "wild", containers=[container], volumes=[{"name": "v", "emptyDir": {}}])
        w.disk.inodes = {"empty-dir/v": 100_000}
        assert await _evict(w, Shortage(resource="inodes", threshold="5k", available="3k", parts=EVERYTHING))
        assert _phases(w, "calm", "wild") == ["Running", "Failed"]
        message = "The node was low on resource: inodes. Threshold quantity: 5k, available: 3k. "
        assert w.pod("wild").status.message == message

    play(story)


def test_a_pod_that_comes_while_the_node_is_short_is_rejected_for_good() -> None:
    async def story(w: World) -> None:
        w.pressures = {"MemoryPressure"}
        await w.apply(pod_document("best-effort"))
        requests = {"name": "app", "image": "app:1", "resources": {"requests": {"memory": "1Mi"}}}
        await w.apply(pod_document("burstable", containers=[requests]))
        await asyncio.sleep(3)
        status = w.pod("best-effort").status
        message = "Pod was rejected: The node had condition: [MemoryPressure]. "
        assert (status.phase, status.reason, status.message) == ("Failed", "Evicted", message)
        assert "Evicted  The node had condition: [MemoryPressure]. " in w.events.lines
        assert w.pod("burstable").status.phase == "Running"
        w.pressures = set()
        await w.stop_agent()
        w.start_agent()
        await asyncio.sleep(30)
        assert w.pod("best-effort").status.phase == "Failed"

    play(story)


def test_pods_that_run_stay_over_a_restart_of_the_agent_under_pressure() -> None:
    async def story(w: World) -> None:
        await _run(w, "web")
        await w.stop_agent()
        w.pressures = {"DiskPressure"}
        w.start_agent()
        await asyncio.sleep(30)
        assert w.pod().status.phase == "Running"

    play(story)
