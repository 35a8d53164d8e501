"""What is remembered of pods, and what a real Podman did meanwhile: of one that differs somebody must hear."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from edgelet.adapters.podman.libpod import Libpod, Reply
from edgelet.ports.runtime import Running
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


async def test_looks_from_elsewhere_do_not_disturb_the_making_of_a_pod(podman_world: PodmanWorld) -> None:
    pod = new_pod()

    async def keep_looking() -> None:
        while True:
            await podman_world.runtime.usage(pod.uid)
            await asyncio.sleep(0.002)

    looks = asyncio.create_task(keep_looking())
    try:
        container = await podman_world.run(pod, sh(pod, FOREVER))
        assert isinstance(container.state, Running)
    finally:
        looks.cancel()
    seen = await podman_world.runtime.pod(pod.uid)
    assert seen is not None
    assert seen.sandbox is not None
    assert (seen.sandbox.ready, seen.sandbox.attempt) == (True, 0)


async def test_a_slow_look_at_everything_forgets_no_pod_that_was_made_beside_it(
    podman_world: PodmanWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """libpod's list waits for the lock of each pod, so for the removal of any: seconds, in bad cases."""
    pod, other = new_pod(), new_pod("other")
    await podman_world.run(other, sh(other, FOREVER))
    made, held = asyncio.Event(), asyncio.Event()
    call = Libpod.call

    async def slow(libpod: Libpod, method: str, path: str, **more: Any) -> Reply:
        reply = await call(libpod, method, path, **more)
        if path == "/pods/json" and not held.is_set():
            held.set()
            await made.wait()
        return reply

    monkeypatch.setattr(Libpod, "call", slow)
    everything = asyncio.create_task(podman_world.runtime.pods())
    if not podman_world.pinned:  # else no pods are asked for
        await held.wait()
    await podman_world.run(pod, sh(pod, FOREVER))
    made.set()
    await everything
    for each in (pod, other):
        seen = await podman_world.runtime.pod(each.uid)
        assert seen is not None
        assert seen.sandbox is not None
        assert seen.sandbox.ready
        assert [type(one.state) for one in seen.containers] == [Running]


async def test_a_container_that_somebody_removed_is_not_shown(podman_world: PodmanWorld) -> None:
    """The agent did not run while it happened (no other thing does, as the command is waited for)."""
    pod = new_pod()
    container = await podman_world.run(pod, sh(pod, FOREVER))
    podman_world.podman.run("rm", "-f", "-t", "0", container.id)
    await podman_world.notices.of(pod, "main")
    for _ in range(2):
        seen = await podman_world.runtime.pod(pod.uid)
        assert seen is not None
        assert seen.containers == ()
