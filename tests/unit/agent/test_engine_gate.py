from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from edgelet.agent.engine_gate import EngineGate, FoundEngine
from edgelet.api.errors import EngineError
from tests.fakes import virtual_time
from tests.fakes.images import FakeImages
from tests.fakes.runtime import FakeRuntime
from tests.fakes.virtual_time import VirtualClock


def found(runtime: FakeRuntime, sweeps: list[float], *, left: int = 0) -> FoundEngine:
    """`left`: so many sweeps leave something."""

    async def recover() -> None:
        sweeps.append(asyncio.get_running_loop().time())
        if len(sweeps) == 1 and not left:
            raise EngineError("EngineUnavailable", "still away")

    async def close() -> None:
        pass

    return FoundEngine(
        runtime=runtime, images=FakeImages(), recover=recover, close=close, unswept=lambda: len(sweeps) < left
    )


def test_what_a_sweep_leaves_is_tried_again_ever_more_rarely() -> None:
    async def story() -> None:
        sweeps = list[float]()

        async def bring_up() -> FoundEngine:
            return found(FakeRuntime(), sweeps, left=4)

        gate = EngineGate(bring_up, clock=VirtualClock())
        running = asyncio.create_task(gate.run())
        await gate.opened()
        await asyncio.sleep(3600)
        assert sweeps == [5.0, 15.0, 35.0, 75.0]
        running.cancel()

    virtual_time.run(story())


def test_after_an_agent_that_was_killed_is_swept_twice_more() -> None:
    async def story() -> None:
        sweeps = list[float]()

        async def bring_up() -> FoundEngine:
            return found(FakeRuntime(), sweeps)

        gate = EngineGate(bring_up, clock=VirtualClock(), after_kill=True)
        running = asyncio.create_task(gate.run())
        await gate.opened()
        await asyncio.sleep(3600)
        assert sweeps == [3.0, 30.0], "calls that it made may go on in the engine and make something"
        running.cancel()

    virtual_time.run(story())


def test_what_a_removal_leaves_is_swept_soon() -> None:
    async def story() -> None:
        runtime, sweeps, left = FakeRuntime(), list[float](), [False]

        async def recover() -> None:
            sweeps.append(asyncio.get_running_loop().time())
            left[0] = len(sweeps) < 2

        async def bring_up() -> FoundEngine:
            return replace(found(runtime, sweeps), recover=recover, unswept=lambda: left[0])

        gate = EngineGate(bring_up, clock=VirtualClock())
        running = asyncio.create_task(gate.run())
        await gate.opened()
        await gate.pods()
        await asyncio.sleep(60)
        assert sweeps == []
        left[0] = True
        await gate.remove_pod("u-1")
        await asyncio.sleep(3600)
        assert sweeps == [65.0, 75.0]
        running.cancel()

    virtual_time.run(story())


def test_an_engine_that_was_lost_is_swept_after_until_that_works() -> None:
    async def story() -> None:
        runtime, sweeps = FakeRuntime(), list[float]()

        async def bring_up() -> FoundEngine:
            return found(runtime, sweeps)

        gate = EngineGate(bring_up, clock=VirtualClock())
        running = asyncio.create_task(gate.run())
        await gate.opened()
        await gate.pods()
        await asyncio.sleep(60)
        assert sweeps == []
        runtime.failing["pods"] = EngineError("EngineUnavailable", "no answer")
        with pytest.raises(EngineError):
            await gate.pods()
        await asyncio.sleep(60)
        assert sweeps == [65.0, 70.0]
        running.cancel()

    virtual_time.run(story())


def test_until_podman_works_every_call_says_why_and_the_gate_keeps_trying() -> None:
    async def story() -> None:
        tries = 0

        async def bring_up() -> FoundEngine:
            nonlocal tries
            tries += 1
            if tries < 4:
                raise EngineError("EngineUnavailable", "podman is not installed: apt-get install podman")

            return found(FakeRuntime(), [])

        gate = EngineGate(bring_up, clock=VirtualClock())
        running = asyncio.create_task(gate.run())
        await asyncio.sleep(0.5)
        with pytest.raises(EngineError, match="apt-get install podman") as caught:
            await gate.pods()
        assert caught.value.retry_after is not None
        assert gate.trouble == "podman is not installed: apt-get install podman"
        await gate.opened()
        assert asyncio.get_running_loop().time() == pytest.approx(1 + 2 + 4)
        assert await gate.pods() == ()
        assert gate.trouble == ""
        assert (await gate.opened()).name == "podman"
        running.cancel()

    virtual_time.run(story())
