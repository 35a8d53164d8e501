from __future__ import annotations

import asyncio
from typing import Any

from edgelet.api.errors import EngineError
from edgelet.api.pod_status import ContainerStatus
from tests.fakes.runtime import Program
from tests.fakes.world import World, pod_document
from tests.flow.pods.stories import play

DEBUG: dict[str, Any] = {"name": "dbg", "image": "debug:1", "imagePullPolicy": "IfNotPresent"}


def _debug(w: World) -> ContainerStatus:
    (found,) = w.pod().status.ephemeral_container_statuses
    return found


async def _running(w: World, **spec: Any) -> dict[str, Any]:
    document = pod_document(**spec)
    await w.apply(document)
    await asyncio.sleep(2)
    return document


async def _add(w: World, document: dict[str, Any], **fields: Any) -> None:
    document["spec"]["ephemeralContainers"] = [{**DEBUG, **fields}]
    await w.apply(document)
    await asyncio.sleep(2)


def test_one_that_is_added_starts_beside_the_others_which_do_not_notice() -> None:
    async def story(w: World) -> None:
        w.have("debug:1")
        document = await _running(w)
        before = w.pod().status.container_statuses
        await _add(w, document)
        assert w.runtime.running() == ["web/app", "web/dbg"]
        status = w.pod().status
        assert status.container_statuses == before
        assert status.phase == "Running"
        assert w.condition("Ready") == "True"
        assert _debug(w).state.running is not None
        assert (_debug(w).ready, _debug(w).started, _debug(w).restart_count) == (False, None, 0)

    play(story)


def test_it_is_never_restarted_and_changes_neither_phase_nor_readiness() -> None:
    async def story(w: World) -> None:
        w.have("debug:1", Program(after_s=1.0, exit_code=4))
        document = await _running(w)
        await _add(w, document)
        await asyncio.sleep(600)
        ended = _debug(w).state.terminated
        assert ended is not None
        assert (ended.exit_code, ended.reason) == (4, "Error")
        assert w.pod().status.phase == "Running"
        assert w.condition("Ready") == "True"
        await w.stop_agent()
        w.start_agent()
        await asyncio.sleep(600)
        assert [call for call in w.runtime.calls if call == "start_container dbg#0"] == ["start_container dbg#0"]
        assert [call for call in w.runtime.calls if call.startswith("start_container dbg")] == ["start_container dbg#0"]

    play(story)


def test_it_does_not_come_back_in_a_new_sandbox() -> None:
    async def story(w: World) -> None:
        w.have("debug:1")
        document = await _running(w)
        await _add(w, document)
        w.runtime.lose_sandbox(w.pod().metadata.uid)
        await asyncio.sleep(60)
        assert w.runtime.running() == ["web/app"]
        ended = _debug(w).state.terminated
        assert ended is not None
        assert ended.exit_code == 143  # it was stopped, as everything that outlives its sandbox

    play(story)


def test_it_starts_before_the_init_containers_are_done() -> None:
    async def story(w: World) -> None:
        w.have("debug:1")
        w.have("init:1", Program(after_s=1000.0))
        document = await _running(w, initContainers=[{"name": "init", "image": "init:1"}])
        await _add(w, document)
        assert w.runtime.running() == ["web/dbg", "web/init"]
        assert w.pod().status.phase == "Pending"

    play(story)


def test_its_image_is_tried_again_until_it_is_there() -> None:
    async def story(w: World) -> None:
        document = await _running(w)
        await _add(w, document)
        waiting = _debug(w).state.waiting
        assert waiting is not None
        assert waiting.reason in {"ErrImagePull", "ImagePullBackOff"}
        w.have("debug:1")
        await asyncio.sleep(60)
        assert _debug(w).state.running is not None

    play(story)


def test_a_target_that_does_not_run_is_waited_for() -> None:
    async def story(w: World) -> None:
        w.have("debug:1")
        w.have("job:1", Program(after_s=1.0))
        document = await _running(w, restartPolicy="Never", containers=[
            {"name": "app", "image": "app:1"}, {"name": "job", "image": "job:1"}
        ])  # fmt: skip
        await _add(w, document, targetContainerName="job")
        waiting = _debug(w).state.waiting
        assert waiting is not None
        assert (waiting.reason, waiting.message) == (
            "CreateContainerConfigError",
            'unable to find target container "job"',
        )

    play(story)


def test_the_engine_is_told_whose_processes_it_shall_see() -> None:
    async def story(w: World) -> None:
        w.have("debug:1")
        document = await _running(w)
        await _add(w, document, targetContainerName="app")
        uid = w.pod().metadata.uid
        assert w.runtime.spec(f"{uid}-dbg-0").pid_namespace_of == f"{uid}-app-0"

    play(story)


def test_it_ends_with_the_pod() -> None:
    async def story(w: World) -> None:
        w.have("debug:1")
        w.have("job:1", Program(after_s=10.0))
        document = await _running(w, restartPolicy="Never", containers=[{"name": "app", "image": "job:1"}])
        await _add(w, document)
        await asyncio.sleep(60)
        assert w.runtime.running() == []
        assert w.pod().status.phase == "Succeeded"

    play(story)


def test_it_is_stopped_when_the_pod_is_deleted() -> None:
    async def story(w: World) -> None:
        w.have("debug:1")
        document = await _running(w)
        await _add(w, document)
        await w.delete("web")
        await asyncio.sleep(5)
        assert w.gone()
        assert w.runtime.running() == []

    play(story)


def test_a_volume_that_only_it_mounts_is_made_first() -> None:
    async def story(w: World) -> None:
        w.have("debug:1")
        document = await _running(w, volumes=[{"name": "v", "emptyDir": {}}])
        await _add(w, document, volumeMounts=[{"name": "v", "mountPath": "/v"}])
        assert _debug(w).state.running is not None
        mounts = w.runtime.spec(f"{w.pod().metadata.uid}-dbg-0").mounts
        assert any(mount.target == "/v" for mount in mounts)
        assert any(path.endswith("empty-dir/v") for path in w.files.directories)

    play(story)


def test_one_that_cannot_be_created_holds_nothing_else_up() -> None:
    async def story(w: World) -> None:
        w.have("debug:1")
        document = await _running(w)
        w.runtime.failing["start_container"] = EngineError("CreateContainerError", "no")
        await _add(w, document)
        waiting = _debug(w).state.waiting
        assert waiting is not None
        assert waiting.reason == "CreateContainerError"
        w.runtime.failing.clear()
        await asyncio.sleep(60)
        assert w.runtime.running() == ["web/app", "web/dbg"]

    play(story)
