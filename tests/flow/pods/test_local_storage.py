from __future__ import annotations

import asyncio
from typing import Any

from tests.fakes.runtime import Program
from tests.fakes.world import World, pod_document
from tests.flow.pods.stories import play

MIB = 1 << 20
LIMITED: dict[str, Any] = {
    "volumes": [{"name": "v", "emptyDir": {"sizeLimit": "10Mi"}}, {"name": "w", "emptyDir": {}}],
    "containers": [
        {
            "name": "app",
            "image": "app:1",
            "volumeMounts": [{"name": name, "mountPath": f"/{name}"} for name in ("v", "w")],
        }
    ],
}


def _limited_container(**limits: str) -> dict[str, Any]:
    return {
        "name": "app",
        "image": "app:1",
        "resources": {"limits": limits, "requests": limits},
        "volumeMounts": [{"name": "w", "mountPath": "/w"}],
    }


def _why(w: World) -> tuple[str | None, ...]:
    status = w.pod().status
    return status.phase, status.reason, status.message


def test_a_volume_beyond_its_limit_ends_the_pod() -> None:
    async def story(w: World) -> None:
        await w.apply(pod_document(**LIMITED))
        await asyncio.sleep(5)
        w.disk.bytes["empty-dir/v"] = 10 * MIB
        await asyncio.sleep(60)
        assert w.pod().status.phase == "Running"
        w.disk.bytes["empty-dir/v"] = 10 * MIB + 1
        await asyncio.sleep(11)
        message = 'Usage of EmptyDir volume "v" exceeds the limit "10Mi". '
        assert _why(w) == ("Failed", "Evicted", message)
        assert w.runtime.running() == []
        assert f"Evicted  {message}" in w.events.lines
        await asyncio.sleep(600)
        assert w.runtime.running() == []

    play(story)


def test_its_containers_have_the_least_time_there_is_to_stop() -> None:
    async def story(w: World) -> None:
        w.have("deaf:1", Program(ignores_term=True))
        document = pod_document(**LIMITED)
        document["spec"]["containers"][0]["image"] = "deaf:1"
        uid = await w.apply(document)
        await asyncio.sleep(5)
        w.disk.bytes["empty-dir/v"] = 11 * MIB
        await asyncio.sleep(12)
        assert f"stop_container {uid}-app-0 2" in w.runtime.calls
        assert w.pod().status.phase == "Failed"

    play(story)


def test_what_it_had_on_disk_is_given_back() -> None:
    async def story(w: World) -> None:
        await w.apply(pod_document(**LIMITED))
        await asyncio.sleep(5)
        assert [path for path in w.files.directories if "empty-dir" in path]
        w.disk.bytes["empty-dir/v"] = 11 * MIB
        await asyncio.sleep(12)
        assert [path for path in w.files.directories if "empty-dir" in path] == []
        assert [path for path in w.files.directories if path.startswith(w.files.paths.logs)]

    play(story)


def test_a_pod_without_limits_is_never_measured() -> None:
    async def story(w: World) -> None:
        await w.apply(pod_document(volumes=[{"name": "w", "emptyDir": {}}], containers=[
            {"name": "app", "image": "app:1", "volumeMounts": [{"name": "w", "mountPath": "/w"}]}
        ]))  # fmt: skip
        await asyncio.sleep(3600)
        assert w.disk.measured == 0

    play(story)


def test_a_pod_with_limits_is_measured_every_ten_seconds_while_it_runs() -> None:
    async def story(w: World) -> None:
        w.have("job:1", Program(after_s=65.0))
        document = pod_document(restartPolicy="Never", **LIMITED)
        document["spec"]["containers"][0]["image"] = "job:1"
        await w.apply(document)
        await asyncio.sleep(3600)
        assert w.pod().status.phase == "Succeeded"
        assert w.disk.measured == 6

    play(story)


def test_layer_and_logs_count_for_a_containers_limit() -> None:
    async def story(w: World) -> None:
        volumes = [{"name": "w", "emptyDir": {}}]
        free = {"name": "free", "image": "app:1", "resources": {"limits": {"ephemeral-storage": "1Gi"}}}
        app = _limited_container(**{"ephemeral-storage": "4Mi"})
        uid = await w.apply(pod_document(volumes=volumes, containers=[app, free]))
        await asyncio.sleep(5)
        w.disk.bytes = {f"layers/{uid}-app-0": 3 * MIB, f"{uid}/app": MIB, "empty-dir/w": 100 * MIB}
        await asyncio.sleep(30)
        assert w.pod().status.phase == "Running"
        w.disk.bytes[f"{uid}/app"] = 2 * MIB
        await asyncio.sleep(11)
        assert _why(w)[1:] == ("Evicted", 'Container app exceeded its local ephemeral storage limit "4Mi". ')

    play(story)


def test_volumes_count_for_the_limits_of_all_containers_together() -> None:
    async def story(w: World) -> None:
        app = _limited_container(**{"ephemeral-storage": "4Mi"})
        await w.apply(pod_document(volumes=[{"name": "w", "emptyDir": {}}], containers=[app]))
        await asyncio.sleep(5)
        w.disk.bytes["empty-dir/w"] = 5 * MIB
        await asyncio.sleep(11)
        message = "Pod ephemeral local storage usage exceeds the total limit of containers 4Mi. "
        assert _why(w) == ("Failed", "Evicted", message)

    play(story)


def test_a_critical_pod_is_left_alone() -> None:
    async def story(w: World) -> None:
        await w.apply(pod_document(priority=2_000_000_000, **LIMITED))
        await asyncio.sleep(5)
        w.disk.bytes["empty-dir/v"] = 100 * MIB
        await asyncio.sleep(60)
        assert w.pod().status.phase == "Running"

    play(story)


def test_a_pod_of_a_manifest_file_is_critical_too_as_under_a_kubelet() -> None:
    async def story(w: World) -> None:
        document = pod_document(**LIMITED)
        document["metadata"]["annotations"] = {"kubernetes.io/config.source": "file"}
        await w.apply(document)
        await asyncio.sleep(5)
        w.disk.bytes["empty-dir/v"] = 100 * MIB
        await asyncio.sleep(60)
        assert w.pod().status.phase == "Running"

    play(story)


def test_an_agent_that_comes_back_goes_on_measuring() -> None:
    async def story(w: World) -> None:
        await w.apply(pod_document(**LIMITED))
        await asyncio.sleep(5)
        await w.stop_agent()
        w.disk.bytes["empty-dir/v"] = 11 * MIB
        w.start_agent()
        await asyncio.sleep(12)
        assert _why(w)[1] == "Evicted"

    play(story)
