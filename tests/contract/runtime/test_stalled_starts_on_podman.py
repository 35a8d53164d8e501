"""An OCI runtime that is killed at the end of its `create`: the start fails in seconds, and the next one succeeds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edgelet.api.errors import EngineError
from edgelet.ports.runtime import Running
from tests.contract.runtime.world import FOREVER, PodmanWorld, new_pod, podman_world, sandbox_of, sh
from tests.fixtures.podman import PrivatePodman

pytestmark = pytest.mark.podman

# Killed where the container's first process waits to be started, as often as the file has lines.
_KILLED = """\
#!/bin/sh
case " $* " in
*" create "*)
  [ ! -e {slow} ] || sleep 2
  /usr/sbin/runc "$@" || exit
  [ ! -e {slow} ] || sleep 2
  [ -s {left} ] || exit 0
  /bin/sed -i 1d {left}
  kill -9 $$ ;;
esac
exec /usr/sbin/runc "$@"
"""


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """How many more `create` of the runtime are killed: a file of so many lines."""
    return tmp_path / "left"


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """While this file is there, the runtime takes its time before and after it makes a container."""
    return tmp_path / "slow"


@pytest.fixture(params=["infra", "pinned"])
async def world(
    request: pytest.FixtureRequest, shared_podman: PrivatePodman, left: Path, slow: Path, tmp_path: Path
) -> AsyncIterator[PodmanWorld]:
    runtime = tmp_path / "runc"
    runtime.write_text(_KILLED.format(left=left, slow=slow))
    runtime.chmod(0o700)
    before = shared_podman.containers_conf.read_text()
    shared_podman.containers_conf.write_text(f'{before}[engine.runtimes]\nrunc = ["{runtime}"]\n')
    try:
        async with podman_world(shared_podman, pinned=request.param == "pinned") as made:
            made.runtime._stalled._look_s = 0.5
            yield made
    finally:
        shared_podman.containers_conf.write_text(before)


async def test_a_container_whose_runtime_was_killed_fails_and_starts_anew(world: PodmanWorld, left: Path) -> None:
    pod = new_pod()
    await world.runtime.create_sandbox(sandbox_of(pod))
    left.write_text("killed\n")
    async with asyncio.timeout(60):  # Podman itself waits for 240 s
        with pytest.raises(EngineError, match="cannot start the container main") as caught:
            await world.runtime.start_container(sh(pod, FOREVER))
    assert caught.value.reason == "RunContainerError"
    await world.runtime.start_container(sh(pod, FOREVER, instance=1))
    found = [one for each in await world.runtime.pods() for one in each.containers if isinstance(one.state, Running)]
    assert [(one.name, one.instance) for one in found] == [("main", 1)]


@pytest.mark.parametrize("world", ["infra"], indirect=True)
async def test_a_sandbox_whose_runtime_was_killed_fails_and_is_made_anew(world: PodmanWorld, left: Path) -> None:
    pod = new_pod()
    left.write_text("killed\n")
    async with asyncio.timeout(60):
        with pytest.raises(EngineError) as caught:
            await world.runtime.create_sandbox(sandbox_of(pod))
    assert caught.value.reason == "FailedCreatePodSandBox"
    await world.run(pod, sh(pod, FOREVER))


async def test_a_runtime_that_takes_its_time_is_waited_for(world: PodmanWorld, slow: Path) -> None:
    pod = new_pod()
    slow.touch()
    found = await world.run(pod, sh(pod, FOREVER))
    assert isinstance(found.state, Running)
