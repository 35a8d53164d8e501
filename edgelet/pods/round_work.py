"""The steps of one round, done one after the other; starts of several containers hand in hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from edgelet.api.pod import Pod
from edgelet.pods import starts
from edgelet.pods.care import Care
from edgelet.pods.execute import Executor
from edgelet.pods.image_fetches import ImageFetches
from edgelet.pods.memory import Memory
from edgelet.pods.steps import (
    FetchImage,
    FinishDeletion,
    KillContainers,
    PrepareFiles,
    RemoveVolumes,
    RunPostStart,
    StartContainer,
    Step,
)
from edgelet.ports.runtime import BeforeStart


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundWork:
    """Carries out rounds of one pod. Each may be broken off at any await, and each step repeated.

    Args:
        executor: Does what needs the engine or the pod's files.
        care: Hooks and ends of containers.
        fetches: Images, beside the round.
        memory: The worker's memory as it is now.
        keep: Replaces it.
        touched: Called before the engine may have changed.
        finish: Removes the pod's object, at its very end.
    """

    executor: Executor
    care: Care
    fetches: ImageFetches
    memory: Callable[[], Memory]
    keep: Callable[[Memory], None]
    touched: Callable[[], None]
    finish: Callable[[Pod], Awaitable[None]]

    async def carry_out(self, pod: Pod, steps: tuple[Step, ...]) -> None:
        """Do the steps.

        Raises:
            EdgeletError: What the planner can do nothing about; see Executor.execute.
        """
        together = starts.together(pod, steps)
        for step in steps:
            match step:
                case StartContainer() if step in together:
                    if step is together[0]:
                        await self._start_all(pod, together)
                case FetchImage(container=name):
                    self.fetches.begin(pod, name)
                case FinishDeletion():
                    await self.finish(pod)
                case RunPostStart():
                    self.care.run_post_start(pod, step)
                case KillContainers():
                    self.touched()
                    await self.care.kill(pod, step)
                case _:
                    await self._execute(pod, step)

    async def _execute(self, pod: Pod, step: Step, before_start: BeforeStart | None = None) -> None:
        if isinstance(step, StartContainer):
            self.care.expect_hook(pod, step)
        if not isinstance(step, PrepareFiles | RemoveVolumes):  # files are no affair of the engine
            self.touched()
        self.keep(await self.executor.execute(step, pod, self.memory, before_start=before_start))

    async def _start_all(self, pod: Pod, steps: Sequence[StartContainer]) -> None:
        async def start(step: StartContainer, before_start: BeforeStart) -> None:
            await self._execute(pod, step, before_start)

        await starts.carry_out(steps, start)
