from __future__ import annotations

import asyncio

import pytest

from edgelet.agent.engine_gate import EngineGate, FoundEngine
from edgelet.api.errors import EngineError
from tests.fakes import virtual_time
from tests.fakes.images import FakeImages
from tests.fakes.runtime import FakeRuntime
from tests.fakes.virtual_time import VirtualClock


def test_until_podman_works_every_call_says_why_and_the_gate_keeps_trying() -> None:
    async def story() -> None:
        tries = 0

        async def bring_up() -> FoundEngine:
            nonlocal tries
            tries += 1
            if tries < 4:
                raise EngineError("EngineUnavailable", "podman is not installed: apt-get install podman")

            async def close() -> None:
                pass

            return FoundEngine(runtime=FakeRuntime(), images=FakeImages(), close=close)

        gate = EngineGate(bring_up, clock=VirtualClock())
        opening = asyncio.create_task(gate.open())
        await asyncio.sleep(0.5)
        with pytest.raises(EngineError, match="apt-get install podman") as caught:
            await gate.pods()
        assert caught.value.retry_after is not None
        assert gate.trouble == "podman is not installed: apt-get install podman"
        await opening
        assert asyncio.get_running_loop().time() == pytest.approx(1 + 2 + 4)
        assert await gate.pods() == ()
        assert gate.trouble == ""
        assert (await gate.opened()).name == "podman"

    virtual_time.run(story())
