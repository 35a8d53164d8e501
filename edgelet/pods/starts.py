"""Several containers that start after one another: each is created while the one before it starts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise

from edgelet.api.pod import Pod
from edgelet.pods.steps import StartContainer, Step
from edgelet.ports.runtime import BeforeStart

Start = Callable[[StartContainer, BeforeStart], Awaitable[None]]


def together(pod: Pod, steps: Sequence[Step]) -> tuple[StartContainer, ...]:
    """Return the starts of a round, if there are several; not of ephemeral ones, which look for what runs already."""
    late = {one.name for one in pod.spec.ephemeral_containers}
    found = tuple(step for step in steps if isinstance(step, StartContainer) and step.container not in late)
    return found if len(found) > 1 else ()


class _Turn:
    """How far one of them is."""

    def __init__(self) -> None:
        self.created = asyncio.Event()
        self.started = asyncio.Event()

    def over(self) -> None:
        self.created.set()
        self.started.set()


async def carry_out(steps: Sequence[StartContainer], start: Start) -> None:
    """Carry out starts in their order, one being created ahead.

    `start` gets what it has to wait for between creating and starting. A start that fails holds up nothing: the kubelet
    goes on with the next container too (kuberuntime_manager.go SyncPod). Broken off, it breaks all of them off.

    Raises:
        Exception: What the first of those that failed raised, after all are done.
    """
    first = _Turn()
    first.over()
    turns = [first, *(_Turn() for _ in steps)]
    tasks = [
        asyncio.create_task(_one(step, start, before, own), name=f"start/{step.container}")
        for step, (before, own) in zip(steps, pairwise(turns), strict=True)
    ]
    try:
        await asyncio.wait(tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        task.result()


async def _one(step: StartContainer, start: Start, before: _Turn, own: _Turn) -> None:
    async def wait() -> None:
        own.created.set()
        await before.started.wait()

    try:
        await before.created.wait()
        await start(step, wait)
    finally:
        own.over()
