"""The service on demand with the real Podman: what only it can show."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from edgelet.adapters.podman.engine import Engine
from edgelet.adapters.podman.libpod import Libpod
from edgelet.api.errors import EngineError
from tests.fixtures.podman import PrivatePodman, serving

pytestmark = pytest.mark.podman

_ORPHAN = """
import asyncio, os, sys
from pathlib import Path
from edgelet.adapters.podman.engine import Engine, Program
from edgelet.adapters.podman.libpod import Libpod

async def main():
    engine = Engine(socket_path=Path(sys.argv[1]), program=Program(argv=sys.argv[2:], environment=os.environ), idle_s=1)
    await engine.open()
    await Libpod(engine).call("GET", "/_ping")
    print(engine.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def alive(pid: int) -> bool:
    """Tell whether it runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def reaped(pid: int) -> bool:
    """Tell whether nothing of it is left, no zombie either."""
    return not Path(f"/proc/{pid}").exists()


def environment_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/environ").read_text().split("\0")


def mounts_below(folder: Path) -> list[str]:
    points = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [point for point in points if point.startswith(f"{folder}/")]


async def until_dead(pid: int, *, within_s: float) -> None:
    end_s = asyncio.get_running_loop().time() + within_s
    while alive(pid):
        assert asyncio.get_running_loop().time() < end_s, f"process {pid} still runs"
        await asyncio.sleep(0.02)


async def inspect(libpod: Libpod, name: str) -> dict[str, dict[str, object]]:
    document: dict[str, dict[str, object]] = (await libpod.call("GET", f"/containers/{name}/json")).json()
    return document


async def start(libpod: Libpod, image: str, *command: str, **more: object) -> str:
    body = {"image": image, "command": list(command), "netns": {"nsmode": "none"}, **more}
    container: str = (await libpod.call("POST", "/containers/create", body=body)).json()["Id"]
    await libpod.call("POST", f"/containers/{container}/start")
    return container


async def test_calls_at_the_moment_of_the_idle_exit_are_all_answered(private_podman: PrivatePodman) -> None:
    pids: set[int | None] = set()

    async def around_exits(steps: Sequence[int]) -> None:
        socket_path = private_podman.socket_path.with_name(f"{steps[0]}.sock")
        async with serving(private_podman, idle_s=1, socket_path=socket_path) as engine:
            libpod = Libpod(engine)
            await libpod.call("POST", "/networks/prune")
            for step in steps:
                await asyncio.sleep(0.96 + step / 100)
                replies = await asyncio.gather(*(libpod.call("POST", "/networks/prune") for _ in range(3)))
                assert all(reply.status == 200 for reply in replies)
                pids.add(engine.pid)

    # Three engines beside each other, since most of it is waiting: ten moments in four seconds.
    await asyncio.gather(*(around_exits(range(first, 10, 3)) for first in range(3)))
    assert len(pids) >= 3 + 3, "three calls and more met an exit"


async def test_a_quiet_board_has_no_engine_process(engine: Engine, libpod: Libpod) -> None:
    await libpod.call("GET", "/_ping")
    pid = engine.pid
    assert pid is not None
    async with asyncio.timeout(20):  # it goes after a second without work; a loaded machine takes its time
        while engine.pid is not None:
            await asyncio.sleep(0.02)
    assert reaped(pid)


async def test_killed_in_the_midst_of_a_call_it_is_told_and_the_next_call_works(
    engine: Engine, libpod: Libpod, busybox: str
) -> None:
    container = await start(libpod, busybox, "sleep", "60")
    waiting = asyncio.create_task(libpod.call("POST", f"/containers/{container}/wait"))
    await asyncio.sleep(0.2)
    pid = engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(EngineError) as caught:
        await waiting
    assert caught.value.reason == "EngineUnavailable"
    assert caught.value.retry_after is not None
    assert (await inspect(libpod, container))["State"]["Status"] == "running"
    assert reaped(pid)


async def test_containers_outlive_the_service_and_their_exits_are_cleaned_up_in_the_same_storage(
    private_podman: PrivatePodman, busybox: str
) -> None:
    async with serving(private_podman) as engine:
        libpod = Libpod(engine)
        container = await start(libpod, busybox, "sh", "-c", "sleep 1; exit 7")
        state = (await inspect(libpod, container))["State"]
        monitor = int(str(state["ConmonPid"]))
    environ = environment_of(monitor)
    assert f"CONTAINERS_CONF={private_podman.containers_conf}" in environ
    assert not any(entry.startswith("LISTEN_") for entry in environ)
    assert alive(monitor)
    await until_dead(monitor, within_s=20)  # it waits for `podman container cleanup`, which no service is needed for
    answer = private_podman.run("inspect", container, "--format", "{{.State.Status}} {{.State.ExitCode}}")
    assert answer == "exited 7"
    assert mounts_below(private_podman.storage_root / "overlay") == []


async def test_when_the_agent_dies_the_service_goes_by_itself(private_podman: PrivatePodman) -> None:
    agent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _ORPHAN, str(private_podman.socket_path), *private_podman.argv),
        env={**private_podman.environment, "PYTHONPATH": str(Path.cwd())},
        stdout=subprocess.PIPE,
    )
    assert agent.stdout is not None
    service = int(await agent.stdout.readline())
    agent.kill()
    await agent.wait()
    assert alive(service)
    await until_dead(service, within_s=20)
