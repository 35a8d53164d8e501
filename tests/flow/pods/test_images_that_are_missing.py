"""Images that cannot be had: what people see, when it is tried again, what is told."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.fakes.runtime import Program
from tests.fakes.world import World, pod_document
from tests.flow.pods.stories import play

NAME = "registry.example/late:1"


def pod_with(policy: str = "IfNotPresent", image: str = NAME) -> dict[str, Any]:
    return pod_document(containers=[{"name": "app", "image": image, "imagePullPolicy": policy}])


def waiting(w: World) -> str:
    found = w.pod().status.container_statuses[0].state.waiting
    return (found.reason or "") if found else ""


def told(w: World, start: str) -> list[str]:
    return [line for line in w.events.lines if line.startswith(start)]


def test_a_failed_pull_is_told_with_its_reason_and_then_that_it_waits() -> None:
    async def story(w: World) -> None:
        await w.apply(pod_with())
        await asyncio.sleep(1)
        assert waiting(w) == "ErrImagePull"
        await asyncio.sleep(2)
        assert waiting(w) == "ImagePullBackOff"
        assert w.events.lines == [
            f'Pulling app Pulling image "{NAME}"',
            f'Failed app Failed to pull image "{NAME}": cannot pull {NAME}: manifest unknown',
            "Failed app Error: ErrImagePull",
            f'BackOff app Back-off pulling image "{NAME}": ErrImagePull: cannot pull {NAME}: manifest unknown',
            "Failed app Error: ImagePullBackOff",
        ]

    play(story)


def test_a_registry_that_is_away_is_told_as_a_failed_pull_too() -> None:
    async def story(w: World) -> None:
        w.images.registries.dead.add("registry.example")
        await w.apply(pod_with())
        await asyncio.sleep(1)
        assert waiting(w) == "RegistryUnavailable"
        assert told(w, "Failed app Failed to pull image")
        assert told(w, "Failed app Error: RegistryUnavailable")

    play(story)


def test_a_name_that_is_none_and_an_image_that_may_not_be_pulled_have_events_of_their_own() -> None:
    async def story(w: World) -> None:
        await w.apply(pod_with(image="Not a name"))
        await w.apply({**pod_with("Never"), "metadata": {"name": "never", "namespace": "default"}})
        await asyncio.sleep(60)
        assert told(w, 'InspectFailed app Failed to apply default image tag "Not a name": cannot use')
        missing = f'Container image "{NAME}" is not present with pull policy of Never'
        assert set(told(w, "ErrImageNeverPull")) == {f"ErrImageNeverPull app {missing}"}
        assert not told(w, "BackOff")

    play(story)


def test_an_image_that_was_brought_by_hand_is_used_while_its_pull_waits() -> None:
    async def story(w: World) -> None:
        await w.apply(pod_with())
        await asyncio.sleep(400)  # the pull waits for minutes now
        pulls = len(w.images.pulls)
        w.have(NAME)
        await asyncio.sleep(11)
        assert w.pod().status.phase == "Running"
        assert len(w.images.pulls) == pulls
        assert w.events.lines[-3] == (
            f'Pulled app Container image "{NAME}" already present on machine and can be accessed by the pod'
        )

    play(story)


def test_with_the_policy_always_the_registry_is_waited_for() -> None:
    async def story(w: World) -> None:
        w.have(NAME)
        w.images.registries.dead.add("registry.example")
        await w.apply(pod_with("Always"))
        await asyncio.sleep(400)
        assert waiting(w) == "ImagePullBackOff"
        assert len(w.images.pulls) == 6  # at 0, 10, 30, 70, 150, 310 s

    play(story)


def test_people_see_the_last_failure_while_it_is_tried_again() -> None:
    async def story(w: World) -> None:
        await w.apply(pod_with())
        await asyncio.sleep(5)
        w.images.hold.clear()
        await asyncio.sleep(10)
        assert len(w.images.pulls) == 2, "the second try is under way"
        assert waiting(w) == "ImagePullBackOff"
        w.have(NAME)
        w.images.hold.set()
        await asyncio.sleep(1)
        assert w.pod().status.phase == "Running"

    play(story)


def test_a_container_that_crashes_over_and_over_is_told_to_wait() -> None:
    async def story(w: World) -> None:
        w.have("crash:1", Program(after_s=1.0, exit_code=3))
        uid = await w.apply(pod_document(containers=[{"name": "app", "image": "crash:1"}]))
        await asyncio.sleep(60)
        expected = f"BackOff app Back-off restarting failed container app in pod web_default({uid})"
        assert told(w, "BackOff") == [expected] * 3  # before the waits of 10, 20 and 40 s

    play(story)
