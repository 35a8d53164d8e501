from __future__ import annotations

import asyncio
from typing import Any

from tests.fakes.runtime import Program
from tests.fakes.world import World, pod_document
from tests.flow.pods.stories import play


def _document(*, optional: bool = False, key: str = "ADDRESS") -> dict[str, Any]:
    reference = {"volumeName": "v", "path": "x.env", "key": key, "optional": optional}
    return pod_document(
        volumes=[{"name": "v", "emptyDir": {}}],
        initContainers=[{"name": "init", "image": "init:1", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}],
        containers=[{"name": "app", "image": "app:1", "env": [{"name": "A", "valueFrom": {"fileKeyRef": reference}}]}],
    )


async def _play(w: World, document: dict[str, Any], content: bytes | None) -> dict[str, str]:
    w.have("init:1", Program(after_s=5.0))
    uid = await w.apply(document)
    await asyncio.sleep(2)
    if content is not None:
        w.files.files[f"{w.files.paths.empty_directory(uid, 'v')}/x.env"] = content
    await asyncio.sleep(10)
    return dict(w.runtime.spec(f"{uid}-app-0").env) if w.runtime.running() == ["web/app"] else {}


def test_a_variable_comes_from_a_file_that_an_init_container_wrote() -> None:
    async def story(w: World) -> None:
        assert await _play(w, _document(), b"# made\nADDRESS='10.0.0.1'\n") == {"A": "10.0.0.1"}

    play(story)


def test_a_missing_key_holds_the_container_up_until_it_is_there() -> None:
    async def story(w: World) -> None:
        assert await _play(w, _document(key="OTHER"), b"ADDRESS='x'\n") == {}
        waiting = w.pod().status.container_statuses[0].state.waiting
        assert waiting is not None
        assert (waiting.reason, waiting.message) == (
            "CreateContainerConfigError",
            'environment variable key "OTHER" not found in file "x.env"',
        )
        w.files.files[f"{w.files.paths.empty_directory(w.pod().metadata.uid, 'v')}/x.env"] = b"OTHER='y'"
        await asyncio.sleep(60)
        assert w.runtime.running() == ["web/app"]

    play(story)


def test_an_optional_key_or_file_that_is_missing_leaves_the_variable_unset() -> None:
    async def story(w: World) -> None:
        assert await _play(w, _document(optional=True), None) == {}
        assert w.runtime.running() == ["web/app"]

    play(story)


def test_a_file_in_another_form_is_told() -> None:
    async def story(w: World) -> None:
        assert await _play(w, _document(), b"ADDRESS=x\n") == {}
        waiting = w.pod().status.container_statuses[0].state.waiting
        assert waiting is not None
        assert waiting.message == "couldn't parse env file \"x.env\": line 1 is not of the form VAR='value'"

    play(story)
