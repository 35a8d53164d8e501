"""Crashes on a real Podman, at any moment: of the service, of our own call; and that nothing leaks without one."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import random
import signal
import subprocess
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edgelet.adapters.nftables import ruleset
from edgelet.adapters.podman import netns, recovery
from edgelet.adapters.podman.netns_intents import NetnsIntents
from edgelet.api.errors import EngineError
from edgelet.ports.runtime import PodRef, PortMapping, Running
from tests.contract.runtime.test_exits_on_podman import processes
from tests.contract.runtime.world import FOREVER, PATIENCE_S, PodmanWorld, new_pod, sandbox_of, sh
from tests.fixtures.mosquitto import free_port

pytestmark = pytest.mark.podman

KILLS = 20
HOST_PORT = free_port()  # one for all: an end that leaves it taken is found by the next pod


async def insist(call: Callable[[], Awaitable[None]]) -> None:
    """Repeat a call until it succeeds, as a worker does."""
    for _ in range(8):
        try:
            return await call()
        except EngineError:
            await asyncio.sleep(0.2)
    return await call()


async def make(world: PodmanWorld, pod: PodRef) -> None:
    ports = (PortMapping(container_port=80, host_port=HOST_PORT),)
    await world.runtime.create_sandbox(replace(sandbox_of(pod), ports=ports))
    await world.runtime.start_container(sh(pod, FOREVER))


async def remove(world: PodmanWorld, pod: PodRef) -> None:
    await world.runtime.remove_pod(pod.uid)


async def check_one_of_everything(world: PodmanWorld, pod: PodRef) -> None:
    seen = await world.runtime.pods()
    assert [one.pod.uid for one in seen] == [pod.uid]
    assert seen[0].sandbox is not None
    assert seen[0].sandbox.ready
    assert [(one.name, one.instance, type(one.state)) for one in seen[0].containers] == [("main", 0, Running)]
    pods = world.podman.run("pod", "ps", "-q", "--filter", f"label=edgelet.owner={world.owner}").split()
    assert len(pods) == (0 if world.pinned else 1)
    state = seen[0].containers[0].state
    assert isinstance(state, Running)
    assert Path(f"/proc/{state.pid}").exists()
    names = world.podman.run("ps", "-a", "--external", "--format", "{{.Names}}").split()
    assert len([name for name in names if pod.uid in name]) == (1 if world.pinned else 2)


@pytest.mark.slow
@pytest.mark.parametrize("whom", ["service", "call"])
async def test_a_crash_at_any_moment_leaves_one_of_everything(podman_world: PodmanWorld, whom: str) -> None:
    chance = random.Random(4822)  # noqa: S311  repeatable, not secret
    await make(podman_world, pod := new_pod())
    await podman_world.runtime.remove_pod(pod.uid)
    await podman_world.runtime.recover()  # of what tests before this one killed
    before = await at_rest(podman_world)
    for _ in range(KILLS):
        pod = new_pod()
        steps = (functools.partial(make, podman_world, pod), functools.partial(remove, podman_world, pod))
        for step in steps:
            await crash_during(podman_world, step, chance.uniform(0.0, 0.5), whom)
            await podman_world.restart()
            await insist(podman_world.runtime.recover)
            await insist(step)
            if step is steps[0]:
                await check_one_of_everything(podman_world, pod)
        assert await podman_world.runtime.pods() == ()
        base = str(podman_world.podman.base)
        assert not [line for line in processes() if "conmon" in line and base in line]
    await podman_world.runtime.recover()
    assert await at_rest(podman_world) == before


async def crash_during(world: PodmanWorld, step: Callable[[], Awaitable[None]], after_s: float, whom: str) -> None:
    call = asyncio.ensure_future(step())
    await asyncio.wait((call,), timeout=after_s)
    if whom == "service" and world.engine.pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(world.engine.pid, signal.SIGKILL)
    if whom == "call":
        call.cancel()
    with contextlib.suppress(EngineError, asyncio.CancelledError):
        await call


def _is_of(rule: str, world: PodmanWorld) -> bool:
    """Whether a rule is of one pod of this network: it names the network, or an address in it."""
    pool = world.podman.subnet
    address = rule.partition("--to-destination ")[2].partition(":")[0]
    return f"dnat name: {world.podman.network} " in rule or address.startswith(pool.removesuffix("0/24"))


def _forwards(world: PodmanWorld) -> int:
    """Return how many host ports our own table leads on."""
    shown = subprocess.run(
        ("nft", "list", "table", "ip", ruleset.table_name(world.podman.network)),
        capture_output=True,
        text=True,
        check=False,
    )
    return shown.stdout.count("dnat to")


async def at_rest(world: PodmanWorld) -> dict[str, object]:
    """What is there when the kernel has taken the last pair of interfaces away, some moments after their pod."""
    end_s = time.monotonic() + PATIENCE_S
    while (found := leftovers(world))["veths"] and time.monotonic() < end_s:
        await asyncio.sleep(0.05)
    return found


def leftovers(world: PodmanWorld) -> dict[str, object]:
    """What could be left by a pod, of this storage alone."""
    base = str(world.podman.base)
    links = subprocess.run(
        ("ip", "-o", "link", "show", "master", world.podman.network), capture_output=True, text=True, check=False
    )
    rules = subprocess.run(("iptables-save",), capture_output=True, text=True, check=True).stdout
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    return {
        "veths": len(links.stdout.splitlines()),
        "rules": sorted(line for line in rules.splitlines() if _is_of(line, world)),
        "processes": sorted(line for line in processes() if base in line and not line.startswith("podman")),
        "mounts": sorted(line.split()[1] for line in mounts if f"{base}/root/overlay/" in line or f"{base}/rr" in line),
        "containers": world.podman.run("ps", "-a", "--external", "--pod", "-q"),
        "files": sorted(str(path) for path in (world.podman.base / "run" / "pods").rglob("*") if path.is_file()),
        "pins": sorted(str(path) for path in (world.podman.base / "run" / "sandboxes").rglob("*")),
        "forwards": _forwards(world),
    }


@pytest.mark.parametrize("times", [5, pytest.param(50, marks=pytest.mark.slow)])
async def test_pods_come_and_go_without_a_trace(podman_world: PodmanWorld, times: int) -> None:
    async def once() -> None:
        pod = new_pod()
        await make(podman_world, pod)
        seen = await podman_world.runtime.pod(pod.uid)
        assert seen is not None
        ids = [one.id for one in seen.containers]
        sandbox = seen.sandbox
        assert sandbox is not None
        shown = podman_world.podman.run(
            "ps", "-a", "--pod", "-q", "--no-trunc", "--filter", f"label=edgelet.pod.uid={pod.uid}"
        )
        await podman_world.runtime.remove_pod(pod.uid)
        for each in {*ids, *shown.split()}:
            assert not Path("/run/runc", each).exists()
        mount = Path("/sys/fs/cgroup")
        groups = [*mount.glob(f"*/libpod_parent/{sandbox.id}"), *mount.glob(f"*/edgelet/*/pod{pod.uid}")]
        assert groups == []

    await once()
    before = await at_rest(podman_world)
    for _ in range(times):
        await once()
    assert await at_rest(podman_world) == before
    assert await netns.sweep(podman_world.podman.network, nothing_named) == ()


async def test_the_sweeper_finishes_what_an_earlier_agent_began(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    await make(podman_world, pod)
    seen = await podman_world.runtime.pod(pod.uid)
    assert seen is not None
    container_id = seen.containers[0].id
    runtime = podman_world.runtime
    inside = await runtime._inventory.containers(pod.uid)
    runtime._sweeper.intend("crashed", recovery.of(inside))
    fresh = await podman_world.restart()
    await fresh.recover()  # the containers are there: nothing may be swept
    assert isinstance((await podman_world.observed(pod)).state, Running)
    await fresh.remove_pod(pod.uid)
    Path("/run/runc", container_id).mkdir()
    try:
        await fresh.recover()
        assert not Path("/run/runc", container_id).exists()
    finally:
        with contextlib.suppress(OSError):
            Path("/run/runc", container_id).rmdir()
    assert fresh._sweeper.unfinished() == ()


async def test_a_namespace_that_a_cut_start_left_unplugged_is_swept_and_others_stay(podman_world: PodmanWorld) -> None:
    def make_namespace() -> str:
        name = f"netns-{uuid.uuid4()}"
        subprocess.run(("ip", "netns", "add", name), check=True)
        return name

    intents = NetnsIntents(podman_world.podman.base / "run" / "podman")
    names = [make_namespace()]
    try:
        with contextlib.suppress(EngineError), intents.expected():
            names += [make_namespace(), make_namespace()]
            subprocess.run(("ip", "-netns", names[2], "link", "add", "x", "type", "bridge"), check=True)
            raise EngineError("EngineUnavailable", "killed")
        with intents.expected():
            names.append(make_namespace())
        assert await intents.sweep() == (names[1],)
        assert [Path("/run/netns", one).exists() for one in names] == [True, False, True, True]
        assert await intents.sweep() == ()
    finally:
        for one in names:
            subprocess.run(("ip", "netns", "del", one), capture_output=True, check=False)


async def nothing_named() -> frozenset[str]:
    return frozenset()


@pytest.mark.parametrize("podman_world", ["infra"], indirect=True)
@pytest.mark.parametrize("namespace_too", [False, True])
async def test_a_pod_of_which_everything_was_killed_keeps_nobody_from_being_listed(
    podman_world: PodmanWorld, namespace_too: bool
) -> None:
    dead, other = new_pod("dead"), new_pod("other")
    for pod in (dead, other):
        await podman_world.run(pod, sh(pod, FOREVER))
    fields = "{{.State.Pid}} {{.State.ConmonPid}} {{.NetworkSettings.SandboxKey}}"
    ids = podman_world.podman.run("ps", "-q", "--filter", f"label=edgelet.pod.uid={dead.uid}").split()
    shown = [podman_world.podman.run("inspect", "--format", fields, each).split() for each in ids]
    for pid, conmon, *_ in shown:
        for each in (conmon, pid):
            os.kill(int(each), signal.SIGKILL)
    if namespace_too:
        for path in {path for _, _, *paths in shown for path in paths}:
            netns.remove(Path(path))
    fresh = await podman_world.restart()
    await fresh.recover()
    assert not fresh.unswept
    seen = {each.pod.name: each for each in await fresh.pods()}
    assert seen["other"].sandbox is not None
    assert seen["other"].sandbox.ready
    assert seen["dead"].sandbox is not None
    assert not seen["dead"].sandbox.ready
    await fresh.remove_pod(dead.uid)
    assert [each.pod.name for each in await fresh.pods()] == ["other"]
    assert not [path for _, _, *paths in shown for path in paths if Path(path).exists()]
