"""Commands inside real containers: rights, codes, bounds, patience, terminals; and nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from edgelet.ports.runtime import ExecSession, ObservedContainer, Security
from tests.contract.runtime.test_exits_on_podman import processes
from tests.contract.runtime.world import FOREVER, PodmanWorld, new_pod, sh

pytestmark = pytest.mark.podman


@pytest.fixture
async def container(podman_world: PodmanWorld) -> AsyncIterator[ObservedContainer]:
    """A running container of a user with an environment; afterwards nothing of any exec may be left."""
    pod = new_pod()
    spec = replace(
        sh(pod, f"mkdir -p /tmp/here; {FOREVER}"),
        security=Security(user="1000:2000", groups=(3000,)),
        env=(("GREETING", "hello you"),),
        working_dir="/tmp/here",
    )
    made = await podman_world.run(pod, spec)
    before = pipes_and_terminals()
    yield made
    assert not [line for line in processes() if "exec" in line and made.id in line]
    assert list((podman_world.podman.base / "run" / "pods" / "exec").glob("*")) == []
    assert pipes_and_terminals() == before


def pipes_and_terminals() -> set[str]:
    """What this process has open of the kinds that sessions use."""
    links = []
    for path in tuple(Path("/proc/self/fd").iterdir()):
        with contextlib.suppress(OSError):
            links.append(str(path.readlink()))
    return {link for link in links if link.startswith(("pipe:", "/dev/pt"))}


async def everything(session: ExecSession) -> dict[int, bytes]:
    found = {1: b"", 2: b""}
    async for stream, data in session.output():
        found[stream] += data
    return found


async def test_it_has_the_containers_user_groups_environment_and_directory(
    podman_world: PodmanWorld, container: ObservedContainer
) -> None:
    script = "id -u; id -g; pwd; echo $GREETING; id"
    result = await podman_world.runtime.exec(container.id, ("/bin/sh", "-c", script), timeout_s=20)
    lines = result.output.decode().splitlines()
    assert lines[:4] == ["1000", "2000", "/tmp/here", "hello you"]
    assert "3000" in lines[4]
    assert (result.exit_code, result.timed_out) == (0, False)


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (("/bin/sh", "-c", "exit 3"), 3, b""),
        (("/bin/sh", "-c", "exit 127"), 127, b""),
        (("/bin/sh", "-c", "kill -9 $$"), 137, b""),
        (("no-such-program",), 127, b"no-such-program"),
        (("/etc",), 126, b"/etc"),
    ],
)
async def test_the_exit_code_is_the_commands(
    podman_world: PodmanWorld, container: ObservedContainer, argv: tuple[str, ...], code: int, words: bytes
) -> None:
    result = await podman_world.runtime.exec(container.id, argv, timeout_s=20)
    assert result.exit_code == code
    assert words in result.output
    assert bool(result.not_started) is (argv[0] != "/bin/sh"), "a code alone does not tell"


async def test_output_of_both_streams_is_kept_up_to_the_bound(
    podman_world: PodmanWorld, container: ObservedContainer
) -> None:
    # The runtime copies each stream by itself: only what lies apart in time keeps its order.
    script = "echo out; sleep 0.3; echo err >&2; sleep 0.3; yes | /bin/busybox head -c 1000000"
    result = await podman_world.runtime.exec(container.id, ("/bin/sh", "-c", script), timeout_s=20, limit_bytes=2000)
    assert result.output.startswith(b"out\nerr\ny\n")
    assert len(result.output) == 2000
    assert result.exit_code == 0


async def test_impatience_kills_the_whole_tree(podman_world: PodmanWorld, container: ObservedContainer) -> None:
    script = "sleep 5151 & (sleep 5152 & sleep 5153) & trap '' TERM; sleep 5154; sleep 5155"
    start_s = time.monotonic()
    result = await podman_world.runtime.exec(container.id, ("/bin/sh", "-c", script), timeout_s=0.7)
    assert result.timed_out
    assert 0.7 <= time.monotonic() - start_s < 3
    assert not [line for line in processes() if line.startswith("sleep 515")]
    assert (await podman_world.runtime.exec(container.id, ("true",), timeout_s=20)).exit_code == 0


async def test_a_child_in_the_background_does_not_hold_the_answer(
    podman_world: PodmanWorld, container: ObservedContainer
) -> None:
    # One that keeps the output open does hold it with runc, which copies until the end, as everywhere in Kubernetes.
    argv = ("/bin/sh", "-c", "sleep 6161 >/dev/null 2>&1 & echo done")
    result = await podman_world.runtime.exec(container.id, argv, timeout_s=20)
    assert (result.output, result.timed_out) == (b"done\n", False)
    assert [line for line in processes() if line.startswith("sleep 6161")]


async def test_an_abandoned_call_leaves_nothing(podman_world: PodmanWorld, container: ObservedContainer) -> None:
    call = asyncio.create_task(podman_world.runtime.exec(container.id, ("sleep", "7171"), timeout_s=60), name="call")
    while not [line for line in processes() if line.startswith("sleep 7171")]:
        await asyncio.sleep(0.02)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not [line for line in processes() if line.startswith("sleep 7171")]


async def test_a_session_takes_input_until_its_half_close_and_keeps_streams_apart(
    podman_world: PodmanWorld, container: ObservedContainer
) -> None:
    argv = ("/bin/sh", "-c", "cat; echo after; echo apart >&2; exit 5")
    session = await podman_world.runtime.open_exec(container.id, argv, stdin=True, tty=False)
    data = b"0123456789abcdef" * 20_000
    reading = asyncio.create_task(everything(session), name="reading")
    await session.write(data)
    await session.close_stdin()
    found = await reading
    assert found == {1: data + b"after\n", 2: b"apart\n"}
    assert await session.wait() == 5


async def test_a_session_without_input_reads_its_end_at_once(
    podman_world: PodmanWorld, container: ObservedContainer
) -> None:
    session = await podman_world.runtime.open_exec(container.id, ("cat",), stdin=False, tty=False)
    assert await everything(session) == {1: b"", 2: b""}
    assert await session.wait() == 0


async def test_a_slow_reader_loses_nothing(podman_world: PodmanWorld, container: ObservedContainer) -> None:
    argv = ("/bin/sh", "-c", "yes | /bin/busybox head -c 3000000")
    session = await podman_world.runtime.open_exec(container.id, argv, stdin=False, tty=False)
    total = 0
    async for _, data in session.output():
        if not total:
            await asyncio.sleep(0.6)
        total += len(data)
    assert total == 3_000_000
    assert await session.wait() == 0


async def test_a_terminal_has_a_size_that_follows_and_an_end(
    podman_world: PodmanWorld, container: ObservedContainer
) -> None:
    session = await podman_world.runtime.open_exec(container.id, ("/bin/sh",), stdin=True, tty=True)
    session.resize(columns=123, rows=45)
    seen = b""
    chunks = session.output()

    async def until(words: bytes) -> None:
        nonlocal seen
        async with asyncio.timeout(20):
            while words not in seen:
                seen += (await anext(chunks))[1]

    await session.write(b"echo re''ady\n")
    await until(b"ready\r\n")
    session.resize(columns=123, rows=45)
    await session.write(b"/bin/busybox stty size; tty\n")
    await until(b"45 123")
    session.resize(columns=80, rows=24)
    await asyncio.sleep(0.2)
    await session.write(b"/bin/busybox stty size; exit 9\n")
    await until(b"24 80")
    async for _ in chunks:
        pass
    assert await session.wait() == 9


async def test_the_end_of_input_ends_a_reader_on_a_terminal(
    podman_world: PodmanWorld, container: ObservedContainer
) -> None:
    session = await podman_world.runtime.open_exec(container.id, ("cat",), stdin=True, tty=True)
    await session.write(b"typed\n")
    await session.close_stdin()
    async with asyncio.timeout(20):
        assert await everything(session) == {1: b"typed\r\ntyped\r\n", 2: b""}
        assert await session.wait() == 0


@pytest.mark.parametrize("tty", [False, True])
async def test_a_killed_session_ends_with_its_tree_though_nobody_reads(
    podman_world: PodmanWorld, container: ObservedContainer, tty: bool
) -> None:
    argv = ("/bin/sh", "-c", "sleep 8181 & yes")
    session = await podman_world.runtime.open_exec(container.id, argv, stdin=True, tty=tty)
    while not [line for line in processes() if line.startswith("sleep 8181")]:
        await asyncio.sleep(0.02)
    async with asyncio.timeout(20):
        await session.kill()
        assert await session.wait() == 137
        await everything(session)
    assert not [line for line in processes() if line.startswith("sleep 8181")]


async def test_the_files_of_a_run_are_for_the_agent_alone(
    podman_world: PodmanWorld, container: ObservedContainer
) -> None:
    folder = Path(podman_world.podman.base / "run" / "pods" / "exec")
    session = await podman_world.runtime.open_exec(container.id, ("cat",), stdin=True, tty=False)
    try:
        inside = next(iter(folder.iterdir()))
        assert inside.stat().st_mode & 0o077 == 0
    finally:
        await session.kill()
