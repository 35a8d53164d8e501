"""A cancelled caller gets away only when the work is done."""

from __future__ import annotations

import asyncio

import pytest

from edgelet.adapters.podman.uncut import uncut


@pytest.mark.parametrize("times", [1, 2, 5])
async def test_work_goes_on_to_its_end_when_its_caller_is_cancelled(times: int) -> None:
    begun, may_end, done = asyncio.Event(), asyncio.Event(), list[str]()

    async def work() -> None:
        begun.set()
        await may_end.wait()
        done.append("done")

    caller = asyncio.create_task(uncut(work()))
    await begun.wait()
    for _ in range(times):
        caller.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert not caller.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert done == ["done"]


async def test_what_it_returns_or_raises_comes_through() -> None:
    async def fails() -> None:
        raise ValueError("no")

    async def works() -> int:
        return 7

    assert await uncut(works()) == 7
    with pytest.raises(ValueError, match="no"):
        await uncut(fails())


async def test_an_error_after_the_cancellation_is_no_error_of_anybody() -> None:
    may_end = asyncio.Event()

    async def fails() -> None:
        await may_end.wait()
        raise ValueError("late")

    caller = asyncio.create_task(uncut(fails()))
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.sleep(0)
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
