"""An OCI runtime whose work is killed in the midst: the start fails in seconds, and the next one succeeds."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edgelet.api.errors import EngineError
from edgelet.ports.runtime import Running
from tests.contract.runtime.world import FOREVER, PodmanWorld, new_pod, podman_world, sandbox_of, sh
from tests.fixtures.podman import PrivatePodman

pytestmark = pytest.mark.podman

# `create` is killed where the container's first process waits to be started, as often as the file has lines. `start`
# waits at a fifo that nobody reads, as crun's does where that process is killed in the moment in which it begins.
_KILLED = """\
#!/bin/sh
case " $* " in
*" create "*)
  [ ! -e {slow} ] || sleep 2
  /usr/sbin/runc "$@" || exit
  [ ! -e {slow} ] || sleep 2
  if [ -e {lost} ]; then
    rm {lost}
    for id; do :; done
    /usr/sbin/runc kill "$id" KILL
    rm -r "/run/runc/$id"
    kill -9 $$
  fi
  [ -s {left} ] || exit 0
  /bin/sed -i 1d {left}
  kill -9 $$ ;;
*" start "*)
  if [ -e {orphan} ]; then
    rm {orphan}
    mkfifo {orphan}.fifo
    /usr/sbin/runc kill "$2" KILL
    : >{orphan}.fifo
  fi ;;
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


@pytest.fixture
def orphan(tmp_path: Path) -> Path:
    """While this file is there, the next `start` finds nobody at the other end."""
    return tmp_path / "orphan"


@pytest.fixture(params=["infra", "pinned"])
async def world(
    request: pytest.FixtureRequest, shared_podman: PrivatePodman, tmp_path: Path
) -> AsyncIterator[PodmanWorld]:
    runtime = tmp_path / "runc"
    runtime.write_text(_KILLED.format(**{name: tmp_path / name for name in ("left", "slow", "orphan", "lost")}))
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


async def test_nothing_is_left_of_a_container_that_its_runtime_does_not_remember(
    world: PodmanWorld, tmp_path: Path
) -> None:
    pod = new_pod()
    await world.runtime.create_sandbox(sandbox_of(pod))
    (tmp_path / "lost").touch()
    with pytest.raises(EngineError, match="cannot start the container main"):
        await world.runtime.start_container(sh(pod, FOREVER))
    [failed] = [one for each in await world.runtime.pods() for one in each.containers]
    await world.runtime.start_container(sh(pod, FOREVER, instance=1))
    assert groups_of(failed.id)
    await world.runtime.remove_container(failed.id)
    [found] = [one for each in await world.runtime.pods() for one in each.containers]
    assert isinstance(found.state, Running)
    assert groups_of(found.id)
    assert not groups_of(failed.id)


def groups_of(container_id: str) -> list[str]:
    """The container's own control groups."""
    return [folder for folder, _, _ in os.walk("/sys/fs/cgroup") if folder.endswith(container_id)]


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


async def test_a_start_that_nobody_waits_for_fails_and_the_container_starts_anew(
    world: PodmanWorld, orphan: Path
) -> None:
    pod = new_pod()
    await world.runtime.create_sandbox(sandbox_of(pod))
    orphan.touch()
    async with asyncio.timeout(60):
        with pytest.raises(EngineError, match="cannot start the container main"):
            await world.runtime.start_container(sh(pod, FOREVER))
    await world.runtime.start_container(sh(pod, FOREVER, instance=1))
    found = [one for each in await world.runtime.pods() for one in each.containers if isinstance(one.state, Running)]
    assert [(one.name, one.instance) for one in found] == [("main", 1)]
