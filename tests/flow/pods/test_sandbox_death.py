"""What becomes of containers that outlive their sandbox, by the restart policy of their pod."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes import virtual_time
from tests.fakes.runtime import Program
from tests.fakes.world import World, pod_document, world

JOB = {"name": "app", "image": "job:1"}


async def _with_a_sandbox_that_dies(w: World, policy: str, *, dies_at_s: float) -> None:
    w.have("job:1", Program(after_s=32.0, exit_code=0, ignores_term=True))
    uid = await w.apply(pod_document(restartPolicy=policy, containers=[JOB]))
    await asyncio.sleep(dies_at_s)
    w.runtime.lose_sandbox(uid)


@pytest.mark.parametrize(
    ("policy", "phase", "restarts"), [("OnFailure", "Running", 1), ("Always", "Running", 1), ("Never", "Succeeded", 0)]
)
def test_one_that_ends_with_0_when_it_is_stopped_has_not_done_its_work(policy: str, phase: str, restarts: int) -> None:
    async def story() -> None:
        async with world() as w:
            await _with_a_sandbox_that_dies(w, policy, dies_at_s=30)
            await asyncio.sleep(15)
            status = w.pod().status
            assert (status.phase, status.container_statuses[0].restart_count) == (phase, restarts)

    virtual_time.run(story())


def test_the_next_one_that_ends_with_0_by_itself_has() -> None:
    async def story() -> None:
        async with world() as w:
            await _with_a_sandbox_that_dies(w, "OnFailure", dies_at_s=30)
            await asyncio.sleep(60)
            status = w.pod().status
            assert (status.phase, status.container_statuses[0].restart_count) == ("Succeeded", 1)

    virtual_time.run(story())


def test_one_that_ended_with_0_before_does_not_start_again() -> None:
    async def story() -> None:
        async with world() as w:
            w.have("job:1", Program(after_s=2.0, exit_code=0))
            beside = {"name": "beside", "image": "localhost/web:1"}
            w.have("localhost/web:1", Program())
            uid = await w.apply(pod_document(restartPolicy="OnFailure", containers=[JOB, beside]))
            await asyncio.sleep(10)
            w.runtime.lose_sandbox(uid)
            await asyncio.sleep(30)
            counts = {one.name: one.restart_count for one in w.pod().status.container_statuses}
            assert counts == {"app": 0, "beside": 1}

    virtual_time.run(story())
