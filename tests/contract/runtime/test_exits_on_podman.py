"""Ends on a real Podman: noticed in milliseconds, with the right code, whoever was killed and whoever was away."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from edgelet.adapters.podman.exits import Subject
from edgelet.ports.runtime import Exited, ObservedContainer, PodRef, Resources, Running
from tests.contract.runtime.world import FOREVER, PATIENCE_S, PodmanWorld, new_pod, sandbox_of, sh

pytestmark = pytest.mark.podman


def pid_of(container: ObservedContainer) -> int:
    assert isinstance(container.state, Running)
    return container.state.pid


def conmon_of(world: PodmanWorld, container: ObservedContainer) -> int:
    return int(world.podman.run("inspect", "--format", "{{.State.ConmonPid}}", container.id))


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


async def ended(world: PodmanWorld, pod: PodRef, name: str = "main") -> Exited:
    state = (await world.observed(pod, name)).state
    assert isinstance(state, Exited)
    return state


async def test_a_killed_process_is_never_shown_running_and_noticed_at_once(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    container = await podman_world.run(pod, sh(pod, FOREVER))
    start_s = time.monotonic()
    os.kill(pid_of(container), signal.SIGKILL)
    noticed_s = await podman_world.notices.of(pod, "main")
    assert noticed_s - start_s < 0.1
    state = await ended(podman_world, pod)
    assert (state.exit_code, state.lost, state.oom_killed) == (137, False, False)
    await asyncio.sleep(0.5)  # by now the engine knows it too
    assert await ended(podman_world, pod) == state


async def test_what_is_seen_of_an_end_is_the_same_before_and_after_the_engine_knows(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    await podman_world.run(pod, sh(pod, "sleep 0.3; exit 7"))
    await podman_world.notices.of(pod, "main")
    early = await podman_world.runtime.pods()
    fresh = await podman_world.restart()
    end_s = time.monotonic() + 10
    while (late := await fresh.pods()) != early and time.monotonic() < end_s:
        await asyncio.sleep(0.2)  # the engine learns of it from its own clean-up process
    assert late == early


async def test_an_end_by_lack_of_memory_is_told(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    script = "x=0123456789abcdef; while :; do x=$x$x; done"
    spec = replace(sh(pod, script), resources=Resources(memory_limit_bytes=16 << 20))
    await podman_world.runtime.create_sandbox(sandbox_of(pod))
    await podman_world.runtime.start_container(spec)
    await podman_world.notices.of(pod, "main")
    state = await ended(podman_world, pod)
    assert (state.exit_code, state.oom_killed) == (137, True)
    await asyncio.sleep(0.5)
    assert (await ended(podman_world, pod)).oom_killed


@pytest.mark.parametrize("main_too", [False, True])
async def test_a_container_whose_monitor_was_killed_is_ended_and_can_be_removed(
    podman_world: PodmanWorld, main_too: bool
) -> None:
    pod = new_pod()
    container = await podman_world.run(pod, sh(pod, FOREVER))
    pid, conmon = pid_of(container), conmon_of(podman_world, container)
    os.kill(conmon, signal.SIGKILL)
    if main_too:
        os.kill(pid, signal.SIGKILL)
    await podman_world.notices.of(pod, "main")
    state = await ended(podman_world, pod)
    assert (state.exit_code, state.lost) == (137, True)
    end_s = time.monotonic() + PATIENCE_S
    while runs(pid) and time.monotonic() < end_s:  # it was told to die, and dies when it gets a processor
        await asyncio.sleep(0.01)
    assert not runs(pid)
    await podman_world.runtime.start_container(sh(pod, FOREVER, instance=1))
    await podman_world.runtime.remove_container(container.id)
    seen = await podman_world.runtime.pod(pod.uid)
    assert seen is not None
    assert [(one.instance, type(one.state)) for one in seen.containers] == [(1, Running)]
    assert not Path("/run/runc", container.id).exists()


async def test_a_pod_whose_monitors_were_all_killed_can_be_removed(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    await podman_world.run(pod, sh(pod, FOREVER))
    uid = f"label=edgelet.pod.uid={pod.uid}"
    for container in podman_world.podman.run("ps", "-q", "--filter", uid).split():
        os.kill(int(podman_world.podman.run("inspect", "--format", "{{.State.ConmonPid}}", container)), signal.SIGKILL)
    await podman_world.notices.of(pod, "main" if podman_world.pinned else "")
    await podman_world.runtime.remove_pod(pod.uid)
    assert await podman_world.runtime.pod(pod.uid) is None
    assert podman_world.podman.run("ps", "-aq", "--filter", uid) == ""


def end(pid: int) -> None:
    """Kill it and wait until it is dead: on a busy machine that takes its time."""
    held = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    select.select([held], [], [], PATIENCE_S)
    os.close(held)


@pytest.mark.parametrize("whom", ["main", "conmon", "both", "nobody"])
async def test_the_next_agent_sees_what_ended_while_none_was_there(podman_world: PodmanWorld, whom: str) -> None:
    pod = new_pod()
    container = await podman_world.run(pod, sh(pod, FOREVER))
    pid, conmon = pid_of(container), conmon_of(podman_world, container)
    fresh = await podman_world.restart()  # has not looked yet: nothing is watched
    if whom in ("conmon", "both"):
        end(conmon)
    if whom in ("main", "both"):
        end(pid)
    seen = await fresh.pod(pod.uid)
    assert seen is not None
    state = seen.containers[0].state
    if whom == "nobody":
        assert state == container.state
        os.kill(pid, signal.SIGKILL)
        await podman_world.notices.of(pod, "main")
        return
    assert isinstance(state, Exited)
    assert state.exit_code == 137
    assert state.lost == (whom in ("conmon", "both"))


async def test_a_number_used_by_another_process_is_not_taken_for_the_container(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    container = await podman_world.run(pod, sh(pod, FOREVER))
    fresh = await podman_world.restart()
    stranger = subprocess.Popen(("sleep", "1000"))
    try:
        watched = fresh._exits
        watched.watch(Subject(container.id, pod.uid, "main", pid=stranger.pid, conmon_pid=stranger.pid))
        assert watched.is_dead(container.id)
        await fresh.signal_container(container.id, "SIGKILL")
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


async def test_children_in_a_shared_process_namespace_end_with_their_container(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    sandbox = replace(sandbox_of(pod), share_process_namespace=True)
    container = await podman_world.run(pod, sh(pod, f"sleep 4321 & {FOREVER}"), sandbox)
    await podman_world.runtime.stop_container(container.id, grace_s=0)
    assert (await ended(podman_world, pod)).exit_code == 137
    lines = await podman_world.output(
        pod, "for p in /proc/[0-9]*; do cat $p/cmdline | /bin/busybox tr '\\0' ' '; echo; done"
    )
    assert not [line for line in lines if "sleep 4321" in line]


async def test_no_engine_process_rests_and_ends_still_arrive(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    container = await podman_world.run(pod, sh(pod, FOREVER))
    async with asyncio.timeout(20):
        while podman_world.engine.pid is not None:
            await asyncio.sleep(0.1)
    base = str(podman_world.podman.base)
    assert not [line for line in processes() if line.startswith("podman") and base in line]
    os.kill(pid_of(container), signal.SIGTERM)  # deaf: PID 1 without a handler
    start_s = time.monotonic()
    os.kill(pid_of(container), signal.SIGKILL)
    assert await podman_world.notices.of(pod, "main") - start_s < 0.2
    assert podman_world.engine.pid is None


async def test_quiet_containers_are_not_inspected_again(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    await podman_world.run(pod, sh(pod, FOREVER))
    await podman_world.runtime.pods()
    asked: list[str] = []
    libpod = podman_world.runtime._inventory._libpod
    call = libpod.call

    async def listening(method: str, path: str, **further: object) -> object:
        asked.append(path)
        return await call(method, path, **further)  # type: ignore[arg-type]

    libpod.call = listening  # type: ignore[assignment, method-assign]
    await podman_world.runtime.pods()
    assert sorted(asked) == ["/containers/json", "/pods/json"]


async def test_after_a_reboot_everything_is_lost_and_can_be_made_anew(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    await podman_world.run(pod, sh(pod, FOREVER))
    await podman_world.runtime.create_sandbox(sandbox_of(pod))
    await reboot(podman_world)
    fresh = await podman_world.restart()
    seen = await fresh.pod(pod.uid)
    assert seen is not None
    assert seen.sandbox is not None
    assert not seen.sandbox.ready
    state = seen.containers[0].state
    assert isinstance(state, Exited)
    assert state.lost
    assert state.started_at is not None
    await fresh.create_sandbox(replace(sandbox_of(pod), attempt=1))
    await fresh.start_container(sh(pod, FOREVER, instance=1))
    seen = await fresh.pod(pod.uid)
    assert seen is not None
    assert [one.instance for one in seen.containers] == [1]


async def reboot(world: PodmanWorld) -> None:
    """All processes of this storage die, and what lies on tmpfs is gone."""
    await world.engine.close()
    base = str(world.podman.base)
    ids = world.podman.run("ps", "-q", "--no-trunc").split()
    pids = [json.loads(world.podman.run("inspect", each))[0]["State"] for each in ids]
    for state in pids:
        for name in ("ConmonPid", "Pid"):
            os.kill(state[name], signal.SIGKILL)
    for each in ids:
        subprocess.run(("runc", "delete", "-f", each), check=False, capture_output=True)
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in sorted((each for each in mounts if each.startswith(base + "/")), reverse=True):
        subprocess.run(("umount", "-l", mount), check=True)
    for folder in (world.podman.tmp_dir, world.podman.run_root):
        subprocess.run(("rm", "-rf", str(folder)), check=True)
        folder.mkdir(mode=0o700)
    await world.engine.open()


def processes() -> list[str]:
    lines = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            lines.append((folder / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return lines


async def test_an_end_is_known_whole_without_the_engine(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    await podman_world.run(pod, sh(pod, "sleep 0.5; exit 7"))
    await podman_world.runtime.pod(pod.uid)  # the last question, if there is any
    await podman_world.engine.close()  # whoever asks now fails
    await podman_world.notices.of(pod, "main")
    state = await ended(podman_world, pod)
    assert (state.exit_code, state.lost) == (7, False)
    await podman_world.engine.open()
    assert await podman_world.runtime.pods() == (await podman_world.runtime.pod(pod.uid),)


async def test_what_was_done_behind_our_back_is_seen_after_a_failure(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    container = await podman_world.run(pod, sh(pod, FOREVER))
    podman_world.podman.run("rm", "--force", "--time", "0", container.id)
    seen = await podman_world.runtime.pod(pod.uid)  # its process was seen to end, whether or not that it is gone
    assert seen is not None
    assert not [one for one in seen.containers if isinstance(one.state, Running)]
    await podman_world.runtime.remove_container(container.id)
    seen = await podman_world.runtime.pod(pod.uid)
    assert seen is not None
    assert seen.containers == ()
    await podman_world.runtime.start_container(sh(pod, FOREVER, instance=1))
    assert isinstance((await podman_world.observed(pod)).state, Running)
