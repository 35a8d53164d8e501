"""A host port that goes from one pod to the next: it answers, however the going and the coming meet."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from edgelet.api.errors import EngineError
from edgelet.ports.runtime import PodRef, PortMapping
from tests.contract.runtime.world import PATIENCE_S, PodmanWorld, new_pod, sandbox_of, sh
from tests.fixtures.mosquitto import free_port

pytestmark = pytest.mark.podman

_ECHO = "exec /bin/busybox nc -ll -p 80 -e /bin/cat"
_TIMES = 5


async def start(world: PodmanWorld, pod: PodRef, port: int) -> None:
    """As a worker does: until the port is free."""
    ports = (PortMapping(container_port=80, host_port=port),)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await world.runtime.create_sandbox(replace(sandbox_of(pod), ports=ports))
                break
            except EngineError as error:
                if "in use" not in error.message and "another pod has it" not in error.message:
                    raise
                await asyncio.sleep(0.01)
    await world.runtime.start_container(sh(pod, _ECHO))


async def answers(port: int) -> bytes:
    """What the port says to somebody on the board itself."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                async with asyncio.timeout(3):
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.write(b"hello\n")
                    found = await reader.readline()
                    writer.close()
            except OSError:
                await asyncio.sleep(0.05)
            else:
                return found


async def test_it_answers_when_the_pod_before_goes_at_the_same_time(podman_world: PodmanWorld) -> None:
    port = free_port()
    before = new_pod("before")
    await start(podman_world, before, port)
    for _ in range(_TIMES):
        after = new_pod("after")
        async with asyncio.TaskGroup() as both:
            both.create_task(podman_world.runtime.remove_pod(before.uid))
            both.create_task(start(podman_world, after, port))
        assert await answers(port) == b"hello\n"
        before = after
    await podman_world.runtime.remove_pod(before.uid)
