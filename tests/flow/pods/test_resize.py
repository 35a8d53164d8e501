from __future__ import annotations

import asyncio
from typing import Any

from edgelet.api import conditions
from edgelet.api.container import ResourceRequirements
from edgelet.api.errors import EngineError
from edgelet.api.pod_status import ContainerStatus
from edgelet.ports.object_store import Key
from edgelet.ports.runtime import Resources
from tests.fakes.runtime import Program
from tests.fakes.world import World, pod_document
from tests.flow.pods.stories import play

SMALL = {"requests": {"cpu": "50m", "memory": "32Mi"}, "limits": {"cpu": "100m", "memory": "64Mi"}}
LARGE = {"requests": {"cpu": "60m", "memory": "48Mi"}, "limits": {"cpu": "200m", "memory": "128Mi"}}


async def _running(w: World, resources: Any = SMALL, **more: Any) -> dict[str, Any]:
    fields = more.pop("fields", {})
    document = pod_document(containers=[{"name": "app", "image": "app:1", "resources": resources, **fields}], **more)
    await w.apply(document)
    await asyncio.sleep(2)
    return document


async def _resize(w: World, document: dict[str, Any], resources: Any) -> None:
    document["spec"]["containers"][0]["resources"] = resources
    await w.apply(document)
    await asyncio.sleep(2)


def _app(w: World) -> ContainerStatus:
    return w.pod().status.container_statuses[0]


def _limits(w: World, instance: int = 0) -> Resources:
    return w.runtime.spec(f"{w.pod().metadata.uid}-app-{instance}").resources


def _shown(w: World) -> tuple[Any, Any]:
    status = _app(w)
    assert status.resources is not None
    return status.resources.to_document(), ResourceRequirements(requests=status.allocated_resources).to_document()


def _condition(w: World, kind: str) -> tuple[str | None, str | None] | None:
    found = conditions.find(w.pod().status.conditions, kind)
    return (found.reason, found.message) if found else None


def _resizes(w: World) -> list[str]:
    return [call for call in w.runtime.calls if call.startswith("resize_container")]


def test_the_limits_of_a_running_container_change_without_a_restart() -> None:
    async def story(w: World) -> None:
        document = await _running(w)
        assert _shown(w) == (SMALL, {"requests": SMALL["requests"]})
        await _resize(w, document, LARGE)
        limits = _limits(w)
        assert (limits.memory_limit_bytes, limits.cpu_quota_us) == (128 << 20, 20_000)
        assert _resizes(w) == [f"resize_container {w.pod().metadata.uid}-app-0 pod=61"]
        assert _shown(w) == (LARGE, {"requests": LARGE["requests"]})
        assert _app(w).restart_count == 0
        assert _condition(w, "PodResizeInProgress") is None
        assert w.pod().status.observed_generation == w.pod().metadata.generation
        assert {"ResizeStarted", "ResizeCompleted"} <= set(w.events.reasons())

    play(story)


def test_new_limits_outlive_a_restart_of_the_container() -> None:
    async def story(w: World) -> None:
        document = await _running(w)
        await _resize(w, document, LARGE)
        w.runtime.kill(w.pod().metadata.uid, "app", 1)
        await asyncio.sleep(2)
        assert _limits(w, 1).memory_limit_bytes == 128 << 20
        assert len(_resizes(w)) == 1
        assert _shown(w)[0] == LARGE

    play(story)


def test_a_restarted_agent_knows_what_is_done_and_does_what_is_not() -> None:
    async def story(w: World) -> None:
        document = await _running(w)
        await _resize(w, document, LARGE)
        await w.stop_agent()
        w.start_agent()
        await asyncio.sleep(60)
        assert len(_resizes(w)) == 1
        await w.stop_agent()
        await _resize(w, document, SMALL)
        w.start_agent()
        await asyncio.sleep(2)
        assert len(_resizes(w)) == 2
        assert _limits(w).memory_limit_bytes == 64 << 20

    play(story)


def test_a_resource_whose_policy_says_so_restarts_the_container_at_once() -> None:
    async def story(w: World) -> None:
        policy = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]
        document = await _running(w, restartPolicy="OnFailure", fields={"resizePolicy": policy})
        await _resize(w, document, {**SMALL, "limits": {"cpu": "200m", "memory": "64Mi"}})
        assert _app(w).restart_count == 0
        await _resize(w, document, LARGE)
        assert _app(w).restart_count == 1
        assert _limits(w, 1).memory_limit_bytes == 128 << 20
        assert w.pod().status.phase == "Running"
        assert any("resize requires restart" in line for line in w.events.lines)

    play(story)


def test_what_ended_by_itself_is_not_run_again_by_a_resize() -> None:
    async def story(w: World) -> None:
        w.have("job:1", Program(after_s=1.0))
        policy = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]
        document = pod_document(
            restartPolicy="OnFailure",
            containers=[
                {"name": "job", "image": "job:1", "resources": SMALL, "resizePolicy": policy},
                {"name": "app", "image": "app:1", "resources": SMALL},
            ],
        )
        await w.apply(document)
        await asyncio.sleep(5)
        await _resize(w, document, LARGE)
        await asyncio.sleep(60)
        assert w.runtime.running() == ["web/app"]
        assert len([call for call in w.runtime.calls if call.startswith("start_container job")]) == 1

    play(story)


def test_a_resize_that_the_node_can_never_give_is_infeasible_and_changes_nothing() -> None:
    async def story(w: World) -> None:
        document = await _running(w)
        await _resize(w, document, {"requests": {"cpu": "50m", "memory": "32Mi"} | {"memory": "2Gi"}, "limits": {}})
        assert _condition(w, "PodResizePending") == (
            "Infeasible",
            f"Node didn't have enough capacity: memory, requested: {2 << 30}, capacity: {1 << 30}",
        )
        assert _shown(w) == (SMALL, {"requests": SMALL["requests"]})
        assert _resizes(w) == []
        before = len(w.runtime.calls)
        await asyncio.sleep(3600)
        assert len(w.runtime.calls) == before
        await _resize(w, document, LARGE)
        assert _condition(w, "PodResizePending") is None
        assert len(_resizes(w)) == 1

    play(story)


def test_a_resize_that_has_no_room_is_deferred_until_there_is_some_also_over_a_restart() -> None:
    async def story(w: World) -> None:
        half = {"requests": {"cpu": "1", "memory": "32Mi"}}
        other = pod_document("other", containers=[{"name": "app", "image": "app:1", "resources": half}])
        await w.apply(other)
        document = await _running(w, {"requests": {"cpu": "500m"}})
        await _resize(w, document, {"requests": {"cpu": "1500m"}})
        deferred = (
            "Deferred",
            "Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000",
        )
        assert _condition(w, "PodResizePending") == deferred
        await w.stop_agent()
        w.start_agent()
        await asyncio.sleep(60)
        assert _condition(w, "PodResizePending") == deferred
        assert _limits(w).cpu_shares == 512
        await w.delete("other")
        await asyncio.sleep(60)
        assert _condition(w, "PodResizePending") is None
        assert _limits(w).cpu_shares == 1536

    play(story)


def test_nobody_asks_any_more_for_a_pod_that_ended() -> None:
    async def story(w: World) -> None:
        w.have("job:1", Program(after_s=10.0))
        other = {"requests": {"cpu": "1", "memory": "32Mi"}}
        await w.apply(pod_document("other", containers=[{"name": "app", "image": "app:1", "resources": other}]))
        document = pod_document(
            restartPolicy="Never",
            containers=[{"name": "app", "image": "job:1", "resources": {"requests": {"cpu": "500m"}}}],
        )
        await w.apply(document)
        await asyncio.sleep(2)
        await _resize(w, document, {"requests": {"cpu": "1500m"}})
        await asyncio.sleep(60)
        assert w.pod().status.phase == "Succeeded"
        before = len(w.events.lines)
        await w.delete("other")
        await asyncio.sleep(600)
        assert [line for line in w.events.lines[before:] if line.startswith("Resize")] == []

    play(story)


def test_what_a_deferred_resize_wants_takes_no_room_from_others() -> None:
    async def story(w: World) -> None:
        document = await _running(w, {"requests": {"cpu": "500m"}})
        await _resize(w, document, {"requests": {"cpu": "100"}})
        second = {"requests": {"cpu": "1"}}
        await w.apply(pod_document("second", containers=[{"name": "app", "image": "app:1", "resources": second}]))
        await asyncio.sleep(2)
        assert w.pod("second").status.phase == "Running"

    play(story)


def test_a_resize_that_the_kernel_refuses_is_told_and_tried_again() -> None:
    async def story(w: World) -> None:
        document = await _running(w)
        w.runtime.failing["resize_container"] = EngineError("ResizeError", "device or resource busy")
        await _resize(w, document, LARGE)
        assert _condition(w, "PodResizeInProgress") == ("Error", "device or resource busy")
        assert _shown(w) == (SMALL, {"requests": LARGE["requests"]})
        w.runtime.failing.clear()
        await asyncio.sleep(30)
        assert _condition(w, "PodResizeInProgress") is None
        assert _shown(w)[0] == LARGE
        assert _app(w).restart_count == 0

    play(story)


def test_memory_is_not_taken_from_a_container_that_uses_it() -> None:
    async def story(w: World) -> None:
        document = await _running(w)
        tiny = {"requests": {"cpu": "50m", "memory": "512Ki"}, "limits": {"cpu": "100m", "memory": "768Ki"}}
        await _resize(w, document, tiny)
        reason, message = _condition(w, "PodResizeInProgress") or (None, None)
        assert reason == "Error"
        assert message == f"attempting to set container memory limit ({768 << 10}) below current usage ({1 << 20})"
        assert _resizes(w) == []

    play(story)


def test_what_a_cut_start_was_made_to_is_read_from_the_instance() -> None:
    async def story(w: World) -> None:
        document = await _running(w)
        await w.stop_agent()
        stored = w.store.get(Key("Pod", "default", "web"))
        assert stored is not None
        await w.store.put_status(stored.key, {"phase": "Pending"}, uid=stored.uid, durable=True)  # as before the start
        await _resize(w, document, LARGE)
        w.start_agent()
        await asyncio.sleep(2)
        assert _limits(w).memory_limit_bytes == 128 << 20
        assert len(_resizes(w)) == 1

    play(story)
