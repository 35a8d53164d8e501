"""What every Runtime promises of streams into its pods: attach, and connections to ports."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from edgelet.api.errors import EngineError
from edgelet.ports.pod_streams import AttachSession, PodConnection
from edgelet.ports.runtime import PodRef
from tests.contract.runtime.world import PATIENCE_S, World, new_pod, sandbox_of
from tests.fakes.runtime import Program

ANSWERS = Program(answers=True)
ECHO = Program(echo_port=7007)


class Attached:
    """A session, and what it said so far."""

    def __init__(self, session: AttachSession) -> None:
        self.session = session
        self.said = b""
        self._output = session.output()

    async def says(self, words: bytes) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while words not in self.said:
                self.said += (await anext(self._output))[1]

    async def leave(self) -> None:
        if isinstance(self._output, AsyncGenerator):
            await self._output.aclose()
        await self.session.detach()


async def started(world: World, program: Program, *, tty: bool = False, stdin: bool = True) -> PodRef:
    pod = new_pod()
    await world.runtime.create_sandbox(sandbox_of(pod))
    spec = world.container(pod, program)
    await world.runtime.start_container(replace(spec, tty=tty, stdin=stdin and spec.stdin))
    return pod


async def attach(world: World, pod: PodRef, *, stdin: bool = True, tty: bool = False) -> Attached:
    container = await world.observed(pod)
    return Attached(await world.runtime.open_attach(container.id, stdin=stdin, tty=tty))


@pytest.mark.parametrize("tty", [False, True])
async def test_a_process_hears_and_answers_whoever_comes_after_another(world: World, tty: bool) -> None:
    pod = await started(world, ANSWERS, tty=tty)
    first = await attach(world, pod, tty=tty)
    await first.session.write(b"one\n")
    await first.says(b"got one")
    await first.leave()
    looking = await attach(world, pod, stdin=False, tty=tty)
    await looking.session.write(b"nobody hears this\n")
    second = await attach(world, pod, tty=tty)
    await second.session.write(b"tw")
    await second.session.write(b"o\n")
    await second.says(b"got two")
    await looking.says(b"got two")
    assert b"one" not in second.said, "what was before is not told"
    assert b"nobody" not in looking.said
    assert b"end" not in second.said, "the input was not closed by those who left"
    await second.leave()
    await looking.leave()


async def test_the_input_ends_when_it_is_closed_and_stays_so(world: World) -> None:
    pod = await started(world, ANSWERS)
    first, other = await attach(world, pod), await attach(world, pod)
    await first.session.write(b"one\n")
    await first.session.close_stdin()
    await other.says(b"end\n")
    await other.session.write(b"two\n")
    await first.leave()
    await other.leave()
    late = await attach(world, pod)
    await late.session.write(b"three\n")
    await late.session.close_stdin()
    await late.leave()
    assert b"two" not in other.said
    assert late.said == b""


async def test_a_terminal_has_no_end_of_input(world: World) -> None:
    pod = await started(world, ANSWERS, tty=True)
    first = await attach(world, pod, tty=True)
    await first.session.close_stdin()
    first.session.resize(columns=100, rows=30)
    await first.session.write(b"one\n")
    await first.says(b"got one")
    await first.leave()


@pytest.mark.parametrize("tty", [False, True])
async def test_the_output_ends_with_the_process(world: World, tty: bool) -> None:
    pod = await started(world, ANSWERS, tty=tty)
    container = await world.observed(pod)
    session = await world.runtime.open_attach(container.id, stdin=True, tty=tty)
    await world.runtime.stop_container(container.id, grace_s=0)
    async with asyncio.timeout(PATIENCE_S):
        async for _ in session.output():
            pass
    await session.write(b"too late\n")
    session.resize(columns=80, rows=24)
    await session.detach()


async def test_a_container_that_does_not_run_has_no_ends(world: World) -> None:
    pod = await started(world, ANSWERS)
    container = await world.observed(pod)
    await world.runtime.stop_container(container.id, grace_s=0)
    with pytest.raises(EngineError) as refused:
        await world.runtime.open_attach(container.id, stdin=True, tty=False)
    assert refused.value.reason == "BadRequest"


# ---- ports


async def connected(world: World, pod: PodRef) -> PodConnection:
    """A connection, once the server listens."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(EngineError):
                return await world.runtime.open_port(pod.uid, ECHO.echo_port)
            await asyncio.sleep(0.05)


async def everything(connection: PodConnection) -> bytes:
    found = b""
    async with asyncio.timeout(PATIENCE_S):
        while data := await connection.receive():
            found += data
    return found


async def test_a_port_gives_back_what_it_is_sent_after_the_half_close(world: World) -> None:
    connection = await connected(world, await started(world, ECHO))
    data = os.urandom(500_000)
    reading = asyncio.create_task(everything(connection))
    for start in range(0, len(data), 100_000):
        await connection.send(data[start : start + 100_000])
    connection.end()
    assert await reading == data
    connection.close()


async def test_many_connections_stand_side_by_side(world: World) -> None:
    pod = await started(world, ECHO)
    connections = [await connected(world, pod) for _ in range(20)]
    for number, connection in enumerate(connections):
        await connection.send(str(number).encode())
    for number, connection in reversed(list(enumerate(connections))):
        assert await connection.receive() == str(number).encode()
        connection.close()


async def test_a_server_that_dies_ends_its_connections(world: World) -> None:
    pod = await started(world, ECHO)
    connection = await connected(world, pod)
    await connection.send(b"x")
    assert await connection.receive() == b"x"
    await world.runtime.remove_pod(pod.uid)
    with contextlib.suppress(EngineError):  # reset, or ended: both are an end
        assert await everything(connection) == b""
    connection.close()
    with pytest.raises(EngineError, match="has no sandbox that is up"):
        await world.runtime.open_port(pod.uid, ECHO.echo_port)


async def test_a_reader_that_stands_still_stops_the_sender(world: World) -> None:
    connection = await connected(world, await started(world, ECHO))

    async def flood() -> None:
        while True:
            await connection.send(b"x" * 65536)

    flooding = asyncio.create_task(flood())
    done, _ = await asyncio.wait((flooding,), timeout=1.0)
    assert not done
    flooding.cancel()
    await asyncio.wait((flooding,))
    connection.close()


async def test_a_port_on_which_nobody_listens_is_refused_in_both_families(world: World) -> None:
    pod = await started(world, ECHO)
    with pytest.raises(EngineError) as refused:
        await world.runtime.open_port(pod.uid, 7008)
    assert refused.value.reason == "PortForwardError"
    assert refused.value.message.startswith("failed to connect to localhost:7008 inside namespace")
    assert "IPv4: dial tcp4 127.0.0.1:7008: connect: connection refused" in refused.value.message
    assert "IPv6 dial tcp6 [::1]:7008: connect: " in refused.value.message
