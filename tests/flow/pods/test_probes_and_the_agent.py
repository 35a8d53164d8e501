from __future__ import annotations

import asyncio

from tests.fakes.runtime import Command
from tests.fakes.world import World, pod_document
from tests.flow.pods.probe_stories import IP, Commands, app, play, probe, probed, starts


def test_a_sidecars_startup_probe_gates_the_app_and_its_liveness_restarts_it_alone() -> None:
    async def story(w: World) -> None:
        commands = Commands(w, Command(exit_code=1))
        sidecar = {
            "name": "side",
            "image": "app:1",
            "restartPolicy": "Always",
            "startupProbe": probe(exec={"command": ["up"]}, periodSeconds=1, failureThreshold=60),
            "livenessProbe": probe(periodSeconds=1, failureThreshold=1, initialDelaySeconds=3),
        }
        w.net.listen(IP, 80)
        await w.apply(pod_document(initContainers=[sidecar], restartPolicy="Never"))
        await asyncio.sleep(10)
        assert w.runtime.running() == ["web/side"]
        assert (w.pod().status.phase, w.condition("Initialized")) == ("Pending", "False")
        commands.result = Command()
        await asyncio.sleep(1.5)
        assert w.runtime.running() == ["web/app", "web/side"]
        assert (w.pod().status.phase, w.condition("Ready")) == ("Running", "True")
        w.net.close(IP, 80)
        await asyncio.sleep(1)
        w.net.listen(IP, 80)
        await asyncio.sleep(20)
        assert starts(w) == ["side#0", "app#0", "side#1"]
        assert "Killing side Init container side failed liveness probe" in w.events.lines
        assert w.pod().status.init_container_statuses[0].ready

    play(story)


def test_an_agent_restart_changes_neither_ready_nor_started() -> None:
    async def story(w: World) -> None:
        commands = Commands(w)
        w.net.listen(IP, 80)
        await w.apply(probed(startupProbe=probe(exec={"command": ["up"]}), readinessProbe=probe(failureThreshold=2)))
        await asyncio.sleep(3)
        assert w.condition("Ready") == "True"
        since = [one.last_transition_time for one in w.pod().status.conditions]
        await w.stop_agent()
        await asyncio.sleep(5)
        ran = len(commands.ran)
        w.start_agent()
        await asyncio.sleep(0.1)
        assert (app(w).started, app(w).ready) == (True, True)
        await asyncio.sleep(60)
        assert [one.last_transition_time for one in w.pod().status.conditions] == since
        assert len(commands.ran) == ran, "what started is not asked again"
        w.net.close(IP, 80)
        await asyncio.sleep(21)
        assert not app(w).ready

    play(story)


def test_after_an_agent_restart_probes_wait_a_part_of_their_period() -> None:
    async def story(w: World) -> None:
        w.net.listen(IP, 80)
        await w.apply(probed(livenessProbe=probe(periodSeconds=10)))
        await asyncio.sleep(15)
        await w.stop_agent()
        w.start_agent()
        before = len(w.net.connected)
        await asyncio.sleep(4.9)
        assert len(w.net.connected) == before
        await asyncio.sleep(0.2)
        assert len(w.net.connected) == before + 1

    play(story)


def test_probes_write_nothing_to_flash_and_ask_nothing_of_the_engine() -> None:
    async def story(w: World) -> None:
        w.net.listen(IP, 80)
        await w.apply(probed(livenessProbe=probe(), readinessProbe=probe()))
        await asyncio.sleep(60)
        writes = w.store.writes
        assert await w.calls_during(3600) == []
        assert w.store.writes == writes

    play(story)


def test_becoming_ready_is_on_flash_soon() -> None:
    async def story(w: World) -> None:
        await w.apply(probed(readinessProbe=probe(periodSeconds=10)))
        await asyncio.sleep(15)
        writes = w.store.writes
        w.net.listen(IP, 80)
        await asyncio.sleep(10)
        assert w.store.writes == writes + 1

    play(story)


def test_readiness_as_it_is_at_the_end_of_the_agent_is_on_flash() -> None:
    async def story(w: World) -> None:
        w.net.listen(IP, 80)
        await w.apply(probed(readinessProbe=probe(failureThreshold=1)))
        await asyncio.sleep(35)
        w.net.close(IP, 80)
        await asyncio.sleep(10)
        w.net.listen(IP, 80)
        await asyncio.sleep(10)
        assert app(w).ready
        writes = w.store.writes
        await w.stop_agent()
        assert w.store.writes == writes + 1
        w.start_agent()
        await asyncio.sleep(5)
        await w.stop_agent()
        assert w.store.writes <= writes + 2

    play(story)


def test_readiness_that_flaps_is_seldom_written_to_flash() -> None:
    async def story(w: World) -> None:
        await w.apply(probed(readinessProbe=probe(periodSeconds=1, failureThreshold=1)))
        await asyncio.sleep(10)
        durable = w.store.writes
        for _ in range(100):
            w.net.listen(IP, 80)
            await asyncio.sleep(10)
            assert app(w).ready
            w.net.close(IP, 80)
            await asyncio.sleep(10)
            assert not app(w).ready
        assert w.store.writes - durable <= 2

    play(story)
