from __future__ import annotations

import asyncio
import itertools

import pytest

from tests.fakes.runtime import Program
from tests.fakes.world import World, pod_document
from tests.flow.pods.stories import play


def test_the_first_restart_is_immediate_and_the_next_ones_wait_10_20_40() -> None:
    async def story(w: World) -> None:
        w.have("crash:1", Program(after_s=1.0, exit_code=3))
        uid = await w.apply(pod_document(containers=[{"name": "app", "image": "crash:1"}]))
        await asyncio.sleep(400)
        made = sorted(one.created_at for one in w.runtime.containers(uid))
        starts = [float(i) for i, call in enumerate(w.runtime.calls) if call.startswith("start_container")]
        assert len(starts) >= 6
        gaps = [(b - a).total_seconds() for a, b in itertools.pairwise(made)]
        assert all(gap > 100 for gap in gaps), "old instances are removed; the two kept are far apart by now"
        waiting = w.pod().status.container_statuses[0].state.waiting
        assert waiting is not None
        assert waiting.reason == "CrashLoopBackOff"
        assert waiting.message == f"back-off 5m0s restarting failed container=app pod=web_default({uid})"
        last = w.pod().status.container_statuses[0].last_state.terminated
        assert last is not None
        assert last.exit_code == 3

    play(story)


def test_restart_times_are_those_of_the_kubelet() -> None:
    async def story(w: World) -> None:
        w.have("crash:1", Program(after_s=1.0, exit_code=3))
        await w.apply(pod_document(containers=[{"name": "app", "image": "crash:1"}]))
        starts: list[float] = []
        seen = 0
        for _ in range(8000):
            await asyncio.sleep(0.1)
            now = sum(call.startswith("start_container") for call in w.runtime.calls)
            if now > seen:
                starts.append(asyncio.get_running_loop().time())
                seen = now
        gaps = [round(b - a) for a, b in itertools.pairwise(starts)]
        assert gaps[:6] == [1, 11, 21, 41, 81, 161]

    play(story)


@pytest.mark.parametrize(
    ("policy", "exit_code", "phase", "restarts"),
    [
        ("Never", 0, "Succeeded", 0),
        ("Never", 7, "Failed", 0),
        ("OnFailure", 0, "Succeeded", 0),
        ("OnFailure", 7, "Running", 1),
        ("Always", 0, "Running", 1),
    ],
)
def test_policies_decide_what_an_end_means(policy: str, exit_code: int, phase: str, restarts: int) -> None:
    async def story(w: World) -> None:
        w.have("job:1", Program(after_s=2.0, exit_code=exit_code))
        uid = await w.apply(pod_document(restartPolicy=policy, containers=[{"name": "app", "image": "job:1"}]))
        await asyncio.sleep(3)
        status = w.pod().status
        assert status.phase == phase
        assert status.container_statuses[0].restart_count == restarts
        if phase in {"Succeeded", "Failed"}:
            ended = status.container_statuses[0].state.terminated
            assert ended is not None
            assert ended.exit_code == exit_code
            assert w.runtime.containers(uid) == (), "the engine keeps nothing of a pod at its end"
            assert w.condition("Ready") == "False"

    play(story)
