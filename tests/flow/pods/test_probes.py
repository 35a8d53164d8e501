from __future__ import annotations

import asyncio

import pytest

from edgelet.ports.object_store import Key
from tests.fakes import virtual_time
from tests.fakes.runtime import Command
from tests.fakes.world import World, pod_document, world
from tests.flow.pods.probe_stories import IP, Commands, app, play, probe, probed, starts


def test_a_container_with_a_readiness_probe_is_ready_after_its_first_success() -> None:
    async def story(w: World) -> None:
        await w.apply(probed(readinessProbe=probe(periodSeconds=5)))
        await asyncio.sleep(3)
        assert (app(w).started, app(w).ready, w.condition("Ready")) == (True, False, "False")
        assert "Unhealthy app Readiness probe failed: dial tcp 10.77.0.2:80: connect: connection refused" in (
            w.events.lines
        )
        w.net.listen(IP, 80)
        await asyncio.sleep(5)
        assert (app(w).ready, w.condition("Ready"), w.condition("ContainersReady")) == (True, "True", "True")

    play(story)


def test_readiness_is_lost_after_failure_threshold_and_never_restarts() -> None:
    async def story(w: World) -> None:
        w.net.listen(IP, 80)
        await w.apply(probed(readinessProbe=probe(periodSeconds=5, failureThreshold=3)))
        await asyncio.sleep(2)
        assert app(w).ready
        w.net.close(IP, 80)
        await asyncio.sleep(10)
        assert app(w).ready, "two failures are not three"
        await asyncio.sleep(5)
        assert not app(w).ready
        await asyncio.sleep(3600)
        assert (app(w).restart_count, starts(w)) == (0, ["app#0"])
        w.net.listen(IP, 80)
        await asyncio.sleep(6)
        assert app(w).ready

    play(story)


def test_success_threshold_counts_successes_in_a_row() -> None:
    async def story(w: World) -> None:
        w.net.listen(IP, 80)
        await w.apply(probed(readinessProbe=probe(periodSeconds=5, successThreshold=3)))
        await asyncio.sleep(9.9)
        assert not app(w).ready
        await asyncio.sleep(1)
        assert app(w).ready

    play(story)


def test_the_first_question_waits_for_the_initial_delay() -> None:
    async def story(w: World) -> None:
        w.net.listen(IP, 80)
        await w.apply(probed(readinessProbe=probe(initialDelaySeconds=30)))
        await asyncio.sleep(29.9)
        assert (w.net.connected, app(w).ready) == ([], False)
        await asyncio.sleep(1)
        assert app(w).ready

    play(story)


def test_a_failing_liveness_probe_ends_and_restarts_the_container() -> None:
    async def story(w: World) -> None:
        commands = Commands(w, Command(exit_code=1, output="broken"))
        await w.apply(probed(livenessProbe=probe(exec={"command": ["check"]}, periodSeconds=5, failureThreshold=2)))
        await asyncio.sleep(5.5)
        assert starts(w) == ["app#0", "app#1"]
        assert app(w).restart_count == 1
        assert "Unhealthy app Liveness probe failed: broken" in w.events.lines
        assert "Killing app Container app failed liveness probe, will be restarted" in w.events.lines
        last = app(w).last_state.terminated
        assert last is not None
        assert last.exit_code == 143
        commands.result = Command()
        await asyncio.sleep(600)
        assert starts(w) == ["app#0", "app#1"], "one that is well stays"

    play(story)


def test_back_off_applies_to_what_probes_end() -> None:
    async def story(w: World) -> None:
        await w.apply(probed(livenessProbe=probe(periodSeconds=1, failureThreshold=1)))
        await asyncio.sleep(5)
        assert starts(w) == ["app#0", "app#1"]
        waiting = app(w).state.waiting
        assert waiting is not None
        assert waiting.reason == "CrashLoopBackOff"
        await asyncio.sleep(8)
        assert starts(w) == ["app#0", "app#1", "app#2"]

    play(story)


def test_a_probes_own_grace_period_wins_over_the_pods() -> None:
    async def story(w: World) -> None:
        own = probe(failureThreshold=1, terminationGracePeriodSeconds=3)
        await w.apply(probed(livenessProbe=own, spec={"terminationGracePeriodSeconds": 500}))
        await asyncio.sleep(1)
        assert {call.split()[2] for call in w.runtime.calls if call.startswith("stop_container")} == {"3"}

    play(story)


@pytest.mark.parametrize(
    ("policy", "phase", "restarts", "message"),
    [
        ("Never", "Failed", 0, "Container app failed liveness probe"),
        ("OnFailure", "Running", 1, "Container app failed liveness probe, will be restarted"),
    ],
)
def test_the_restart_policy_decides_what_follows_a_failed_probe(
    policy: str, phase: str, restarts: int, message: str
) -> None:
    async def story(w: World) -> None:
        commands = Commands(w, Command(exit_code=1))
        live = probe(exec={"command": ["check"]}, failureThreshold=1, initialDelaySeconds=2)
        await w.apply(probed(livenessProbe=live, spec={"restartPolicy": policy}))
        await asyncio.sleep(3)
        commands.result = Command()
        await asyncio.sleep(60)
        assert (w.pod().status.phase, app(w).restart_count) == (phase, restarts)
        assert f"Killing app {message}" in w.events.lines

    play(story)


def test_a_probe_that_cannot_run_changes_nothing_and_is_told() -> None:
    async def story(w: World) -> None:
        commands = Commands(w, Command(exit_code=127, not_started="exec: no such file"))
        missing = {"command": ["nothing"]}
        await w.apply(
            probed(
                livenessProbe=probe(exec=missing, failureThreshold=1),
                readinessProbe=probe(httpGet={"port": "nowhere", "path": "/", "scheme": "HTTP"}),
            )
        )
        await asyncio.sleep(101)
        assert (app(w).restart_count, app(w).ready) == (0, False)
        assert len(commands.ran) == 33, "eleven times, three tries each"
        lines = set(w.events.lines)
        errored = "probe errored and resulted in unknown state"
        assert f"Unhealthy app Liveness {errored}: failed to exec in container: exec: no such file" in lines
        assert f'Unhealthy app Readiness {errored}: strconv.Atoi: parsing "nowhere": invalid syntax' in lines

    play(story)


def test_a_defect_in_a_probe_is_logged_and_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    async def story(w: World) -> None:
        async def broken(container_id: str, argv: tuple[str, ...]) -> Command:
            raise ValueError(f"{argv} in {container_id}")

        w.runtime.commands = broken
        await w.apply(probed(readinessProbe=probe(exec={"command": ["check"]})))
        await asyncio.sleep(5)
        assert "a defect in a probe" in caplog.text
        Commands(w)
        await asyncio.sleep(10)
        assert app(w).ready

    play(story)


def test_a_startup_probe_gates_the_others_and_started() -> None:
    async def story(w: World) -> None:
        commands = Commands(w, Command(exit_code=1))
        w.net.listen(IP, 80)
        await w.apply(
            probed(
                startupProbe=probe(exec={"command": ["up"]}, periodSeconds=1, failureThreshold=60),
                livenessProbe=probe(),
                readinessProbe=probe(periodSeconds=60),
            )
        )
        await asyncio.sleep(20)
        assert w.net.connected == []
        assert (app(w).started, app(w).ready) == (False, False)
        assert w.pod().status.phase == "Running"
        commands.result = Command()
        await asyncio.sleep(1.5)
        assert (app(w).started, app(w).ready) == (True, True), "readiness is asked at once, not a period later"
        asked = len(commands.ran)
        await asyncio.sleep(60)
        assert len(commands.ran) == asked, "a startup probe that succeeded asks no more"
        w.runtime.kill(w.pod().metadata.uid, "app")
        await asyncio.sleep(20)
        assert len(commands.ran) == asked + 1, "it asks a new instance"

    play(story)


def test_a_startup_probe_that_fails_restarts_the_container() -> None:
    async def story(w: World) -> None:
        own = probe(periodSeconds=1, failureThreshold=3, terminationGracePeriodSeconds=7)
        await w.apply(probed(startupProbe=own))
        await asyncio.sleep(3)
        assert starts(w) == ["app#0", "app#1"]
        assert "Killing app Container app failed startup probe, will be restarted" in w.events.lines
        assert [call.split()[2] for call in w.runtime.calls if call.startswith("stop_container")] == ["7"]

    play(story)


def test_liveness_and_startup_end_with_a_deletion_and_readiness_goes_on() -> None:
    async def story(w: World) -> None:
        commands = Commands(w)
        stubborn = {"name": "app", "image": "stubborn:1"}
        w.net.listen(IP, 80)
        live = probe(exec={"command": ["check"]}, periodSeconds=1, failureThreshold=1)
        ready = probe(periodSeconds=1, failureThreshold=1)
        await w.apply(pod_document(containers=[{**stubborn, "livenessProbe": live, "readinessProbe": ready}]))
        await asyncio.sleep(3)
        assert app(w).ready
        await w.delete("web", grace_s=30)
        await asyncio.sleep(1.5)
        asked = len(commands.ran)
        commands.result = Command(exit_code=1)
        w.net.close(IP, 80)
        await asyncio.sleep(5)
        assert len(commands.ran) == asked
        assert (app(w).ready, w.condition("Ready")) == (False, "False")
        await asyncio.sleep(30)
        assert w.gone()

    async def whole() -> None:
        from tests.fakes.runtime import Program  # noqa: PLC0415

        async with world("app:1") as w:
            w.have("stubborn:1", Program(ignores_term=True))
            await story(w)

    virtual_time.run(whole())


def test_a_container_that_ended_is_not_ready_at_once_and_its_next_instance_is_probed_anew() -> None:
    async def story(w: World) -> None:
        w.net.listen(IP, 80)
        uid = await w.apply(probed(readinessProbe=probe()))
        await asyncio.sleep(1)
        assert app(w).ready
        for _ in range(2):
            w.runtime.kill(uid, "app")
            w.net.close(IP, 80)
            await asyncio.sleep(0.5)
        assert not app(w).ready
        await asyncio.sleep(15)
        assert app(w).state.running is not None
        assert not app(w).ready
        w.net.listen(IP, 80)
        await asyncio.sleep(11)
        assert app(w).ready

    play(story)


def test_a_pod_that_goes_takes_its_probes_along() -> None:
    async def story(w: World) -> None:
        await w.apply(probed(livenessProbe=probe(), readinessProbe=probe()))
        await asyncio.sleep(3)
        await w.delete("web")
        await asyncio.sleep(60)
        assert w.gone()
        assert not [one for one in asyncio.all_tasks() if one.get_name().startswith(("probe/", "hook/"))]

    play(story)


def test_probes_outlive_a_change_of_labels() -> None:
    async def story(w: World) -> None:
        w.net.listen(IP, 80)
        document = probed(readinessProbe=probe())
        await w.apply(document)
        await asyncio.sleep(3)
        stored = w.store.get(Key("Pod", "default", "web"))
        assert stored is not None
        await w.apply({**document, "metadata": {**document["metadata"], "labels": {"a": "b"}}})
        await asyncio.sleep(1)
        assert app(w).ready
        assert len(w.net.connected) == 1, "its period goes on as before"

    play(story)
