from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

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
        await asyncio.sleep(2)
        assert w.runtime.running() == ["web/other"]
        app = w.pod().status.container_statuses[0]
        assert app.state.waiting is not None
        assert app.state.waiting.reason == "ErrImagePull"
        w.have("absent:1")
        await asyncio.sleep(60)
        assert w.runtime.running() == ["web/app", "web/other"]

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
