"""What is remembered of pods, and what a real Podman did meanwhile: of one that differs somebody must hear."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from tests.contract.runtime.world import FOREVER, PodmanWorld, new_pod, sandbox_of, sh

pytestmark = pytest.mark.podman


def left_of(world: PodmanWorld, uid: str) -> list[str]:
    return world.podman.run("ps", "-aq", "--external", "--filter", f"label=edgelet.pod.uid={uid}").split()


@pytest.mark.parametrize("times", [1, 3])
async def test_a_pod_that_is_removed_when_a_start_was_broken_off_leaves_no_container(
    podman_world: PodmanWorld, times: int
) -> None:
    for delay_s in (0.003, 0.008, 0.015, 0.03, 0.06):
        pod = new_pod()
        await podman_world.runtime.create_sandbox(sandbox_of(pod))
        await podman_world.runtime.pod(pod.uid)
        start = asyncio.create_task(podman_world.runtime.start_container(sh(pod, FOREVER)))
        await asyncio.sleep(delay_s)
        for _ in range(times):
            start.cancel()
            await asyncio.sleep(0)
        with contextlib.suppress(asyncio.CancelledError):
            await start
        await podman_world.runtime.pod(pod.uid)
        await podman_world.runtime.remove_pod(pod.uid)
        assert await podman_world.runtime.pod(pod.uid) is None
        await asyncio.sleep(0.3)  # what the engine still does would show by then
        assert left_of(podman_world, pod.uid) == []
