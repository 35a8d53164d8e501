from __future__ import annotations

import asyncio
import gc

from edgelet.pods.worker import PodWorker
from tests.fakes.world import World, pod_document
from tests.flow.pods.stories import play


def _workers() -> int:
    return sum(isinstance(one, PodWorker) for one in gc.get_objects())


def test_a_pod_that_went_leaves_no_cycle_in_memory() -> None:
    async def story(w: World) -> None:
        gc.collect()  # of earlier tests
        before = _workers()
        hook = {"postStart": {"sleep": {"seconds": 1}}, "preStop": {"sleep": {"seconds": 1}}}
        probe = {"tcpSocket": {"port": 80}, "periodSeconds": 1}
        container = {"name": "app", "image": "app:1", "lifecycle": hook, "livenessProbe": probe}
        uids = [await w.apply(pod_document(name, containers=[container])) for name in ("a", "b", "c")]
        await asyncio.sleep(10)
        assert _workers() == before + len(uids)
        gc.disable()
        try:
            for name in ("a", "b", "c"):
                await w.delete(name)
            await asyncio.sleep(60)
            assert _workers() == before
        finally:
            gc.enable()

    play(story)
