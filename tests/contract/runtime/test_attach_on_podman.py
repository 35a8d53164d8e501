"""Attach to real containers: what conmon would do to them, and does not."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace

import pytest

from tests.contract.runtime.world import FOREVER, PATIENCE_S, PodmanWorld, new_pod, sh

pytestmark = pytest.mark.podman


def opened() -> int:
    """How many files this process has open."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  names are all that is needed


async def test_a_writer_that_waits_for_a_deaf_process_is_let_go_when_the_input_is_closed(
    podman_world: PodmanWorld,
) -> None:
    pod = new_pod()
    spec = replace(sh(pod, FOREVER), stdin=True, log_path=str(podman_world.logs / f"{pod.uid}.log"))
    container = await podman_world.run(pod, spec)
    before = opened()
    first = await podman_world.runtime.open_attach(container.id, stdin=True, tty=False)
    other = await podman_world.runtime.open_attach(container.id, stdin=True, tty=False)
    writing = asyncio.create_task(first.write(b"x" * 1_000_000))
    done, _ = await asyncio.wait((writing,), timeout=0.5)
    assert not done, "a pipe takes no megabyte"
    await other.close_stdin()
    async with asyncio.timeout(PATIENCE_S):
        await writing
    await first.detach()
    await other.detach()
    assert opened() == before


async def test_a_client_that_stands_still_does_not_stop_the_container(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    path = podman_world.logs / f"{pod.uid}.log"
    script = f"sleep 0.5; yes 0123456789 | /bin/busybox head -n 100000; echo done >&2; {FOREVER}"
    container = await podman_world.run(pod, replace(sh(pod, script), log_path=str(path)))
    session = await podman_world.runtime.open_attach(container.id, stdin=False, tty=False)
    chunks = session.output()
    async with asyncio.timeout(PATIENCE_S):
        while path.read_bytes().count(b"\n") < 100_001:
            await asyncio.sleep(0.05)
        total = {1: 0, 2: 0}  # the streams' order among each other is not kept
        while total != {1: 1_100_000, 2: 5}:  # nothing was lost meanwhile
            stream, data = await anext(chunks)
            total[stream] += len(data)
    await chunks.aclose()  # type: ignore[attr-defined]  # a generator
    await session.detach()


async def test_what_is_not_text_arrives_as_it_is(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    path = podman_world.logs / f"{pod.uid}.log"
    script = f"while read -r l; do printf 'a\\000b\\r\\n\\377 P x\\n\\n'; printf 'no end'; done; {FOREVER}"
    container = await podman_world.run(pod, replace(sh(pod, script), stdin=True, log_path=str(path)))
    session = await podman_world.runtime.open_attach(container.id, stdin=True, tty=False)
    await session.write(b"go\n")
    said = b""
    chunks = session.output()
    async with asyncio.timeout(PATIENCE_S):
        while not said.endswith(b"no end"):
            said += (await anext(chunks))[1]
    await chunks.aclose()  # type: ignore[attr-defined]  # a generator
    await session.detach()
    assert said == b"a\x00b\r\n\xff P x\n\nno end"


async def test_of_many_sizes_at_once_the_last_one_stays(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    path = podman_world.logs / f"{pod.uid}.log"
    script = f"while read -r l; do /bin/busybox stty size; done; {FOREVER}"
    container = await podman_world.run(pod, replace(sh(pod, script), stdin=True, tty=True, log_path=str(path)))
    session = await podman_world.runtime.open_attach(container.id, stdin=True, tty=True)
    for rows in range(20, 60):
        session.resize(columns=100, rows=rows)
    await session.write(b"\n")
    said = b""
    chunks = session.output()
    async with asyncio.timeout(PATIENCE_S):
        while b"59 100" not in said:
            said += (await anext(chunks))[1]
    await chunks.aclose()  # type: ignore[attr-defined]  # a generator
    await session.detach()


async def test_a_terminal_that_talks_outlives_many_clients_that_leave(podman_world: PodmanWorld) -> None:
    """conmon 2.1.6 crashes, and the container ends, when a client closes while it is being told something."""
    pod = new_pod()
    path = podman_world.logs / f"{pod.uid}.log"
    script = "while :; do echo word; /bin/busybox usleep 5000; done"
    container = await podman_world.run(pod, replace(sh(pod, script), stdin=True, tty=True, log_path=str(path)))
    before = opened()
    for _ in range(250):
        session = await podman_world.runtime.open_attach(container.id, stdin=True, tty=True)
        await session.write(b"x")
        await session.detach()
    assert opened() == before
    seen = await podman_world.runtime.pod(pod.uid)
    assert seen is not None
    assert [type(one.state).__name__ for one in seen.containers] == ["Running"]
