from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from edgelet.ports.images import Credential, ImageInfo
from edgelet.ports.pod_files import ImageDirectory
from tests.fakes.world import World, pod_document
from tests.flow.pods.stories import play


def _document(image: str = "data:1", **mount: Any) -> dict[str, Any]:
    return pod_document(
        volumes=[{"name": "v", "image": {"reference": image, "pullPolicy": "IfNotPresent"}}],
        containers=[
            {"name": "app", "image": "app:1", "volumeMounts": [{"name": "v", "mountPath": "/v", **mount}]},
            {"name": "other", "image": "app:1"},
        ],
    )


def _waiting(w: World) -> tuple[str, str]:
    waiting = w.pod().status.container_statuses[0].state.waiting
    assert waiting is not None
    return waiting.reason or "", waiting.message or ""


def _laid_out(w: World) -> list[ImageDirectory]:
    return [step for _, steps in w.files.prepared for step in steps if isinstance(step, ImageDirectory)]


def test_an_images_files_are_mounted_read_only() -> None:
    async def story(w: World) -> None:
        w.have("data:1")
        uid = await w.apply(_document())
        await asyncio.sleep(2)
        (step,) = _laid_out(w)
        assert step.layers
        mount = next(one for one in w.runtime.spec(f"{uid}-app-0").mounts if one.target == "/v")
        assert (mount.source, mount.read_only) == (step.path, True)
        assert w.runtime.running() == ["web/app", "web/other"]

    play(story)


def test_a_path_in_it_is_pinned_like_in_any_volume() -> None:
    async def story(w: World) -> None:
        w.have("data:1")
        uid = await w.apply(_document(subPath="etc"))
        await asyncio.sleep(2)
        mount = next(one for one in w.runtime.spec(f"{uid}-app-0").mounts if one.target == "/v")
        assert mount.source == w.files.paths.sub_path(uid, "app", 0)

    play(story)


def test_an_image_that_is_not_to_be_had_holds_up_who_mounts_it_and_nobody_else() -> None:
    async def story(w: World) -> None:
        await w.apply(_document("absent:1"))
        await asyncio.sleep(1)
        assert w.runtime.running() == ["web/other"]
        assert _waiting(w)[0] == "ErrImagePull"
        await asyncio.sleep(2)
        reason, message = _waiting(w)
        assert (reason, message.partition(": ")[0]) == ("ImagePullBackOff", 'Back-off pulling image "absent:1"')
        w.have("absent:1")
        await asyncio.sleep(60)
        assert w.runtime.running() == ["web/app", "web/other"]

    play(story)


def test_failed_pulls_wait_ever_longer_and_once_for_all_containers_of_the_pod() -> None:
    async def story(w: World) -> None:
        mounts = [{"name": "v", "mountPath": "/v"}]
        document = _document("absent:1")
        document["spec"]["containers"][1]["volumeMounts"] = mounts
        began = asyncio.get_running_loop().time()
        asked: list[float] = []
        pull = w.images.pull

        async def noted(reference: str, credentials: tuple[Credential, ...] = ()) -> ImageInfo:
            asked.append(asyncio.get_running_loop().time() - began)
            return await pull(reference, credentials)

        w.images.pull = noted  # type: ignore[method-assign]  # a witness
        await w.apply(document)
        await asyncio.sleep(400)
        assert [round(at) for at in asked] == [0, 10, 30, 70, 150, 310]
        reasons = [line.split()[0] for line in w.events.lines if "absent:1" in line]
        # The pull is one for both containers; that they wait is told of each, as a kubelet does.
        assert reasons == ["Pulling", "Failed", "BackOff", "BackOff"] * 6
        w.have("absent:1")
        await asyncio.sleep(330)
        assert w.runtime.running() == ["web/app", "web/other"]
        w.images.here = {one: info for one, info in w.images.here.items() if "absent:1" not in info.names[0]}
        w.images.registries.offered.clear()
        asked.clear()
        began = asyncio.get_running_loop().time()
        w.runtime.kill(w.pod().metadata.uid, "app")
        await asyncio.sleep(15)
        assert [round(at) for at in asked] == [0, 10]  # it was here meanwhile: it begins anew

    play(story)


def test_an_engine_without_overlay_storage_says_so() -> None:
    async def story(w: World) -> None:
        w.have("data:1")
        w.images.here = {name: replace(info, layers=()) for name, info in w.images.here.items()}
        await w.apply(_document())
        await asyncio.sleep(2)
        waiting = w.pod().status.container_statuses[0].state.waiting
        assert waiting is not None
        assert (waiting.reason, "not of the kind overlay" in (waiting.message or "")) == (
            "CreateContainerConfigError",
            True,
        )

    play(story)
