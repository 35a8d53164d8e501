from __future__ import annotations

import asyncio

import pytest

from edgelet.api.errors import EngineError
from edgelet.pods import starts
from edgelet.pods.steps import StartContainer
from edgelet.ports.runtime import BeforeStart
from tests.fakes import virtual_time

STEPS = tuple(StartContainer(name, instance=0, ended_s=None) for name in "abc")


class Engine:
    """Creating takes one second, starting two; `said` is what happened when."""

    def __init__(self, *, failing: str = "") -> None:
        self.said: list[tuple[float, str]] = []
        self._failing = failing

    async def start(self, step: StartContainer, before_start: BeforeStart) -> None:
        now_s = asyncio.get_running_loop().time
        await asyncio.sleep(1)
        self.said.append((now_s(), f"created {step.container}"))
        if step.container == self._failing:
            raise EngineError("CreateContainerError", "it cannot be")
        await before_start()
        await asyncio.sleep(2)
        self.said.append((now_s(), f"started {step.container}"))


def test_the_next_is_created_while_one_starts_and_started_after_it() -> None:
    async def story() -> None:
        engine = Engine()
        began_s = asyncio.get_running_loop().time()
        await starts.carry_out(STEPS, engine.start)
        assert [(at_s - began_s, what) for at_s, what in engine.said] == [
            (1, "created a"),
            (2, "created b"),
            (3, "started a"),
            (3, "created c"),
            (5, "started b"),
            (7, "started c"),
        ]

    virtual_time.run(story())


@pytest.mark.parametrize("failing", ["a", "b", "c"])
def test_one_that_cannot_be_created_holds_up_nothing_and_is_told(failing: str) -> None:
    async def story() -> None:
        engine = Engine(failing=failing)
        with pytest.raises(EngineError):
            await starts.carry_out(STEPS, engine.start)
        started = [what[-1] for _, what in engine.said if what.startswith("started")]
        assert started == [name for name in "abc" if name != failing]

    virtual_time.run(story())


def test_broken_off_it_leaves_no_task() -> None:
    async def story() -> None:
        engine = Engine()
        whole = asyncio.create_task(starts.carry_out(STEPS, engine.start))
        await asyncio.sleep(3.5)
        whole.cancel()
        await asyncio.gather(whole, return_exceptions=True)
        assert len(asyncio.all_tasks()) == 1
        assert [what for _, what in engine.said] == ["created a", "created b", "started a", "created c"]

    virtual_time.run(story())
