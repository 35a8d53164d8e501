from __future__ import annotations

import asyncio
from typing import Any

from edgelet.ports.runtime import Running
from tests.fakes.runtime import Command, Program
from tests.fakes.world import World, pod_document
from tests.flow.pods.hook_stories import HOOK, IP, Commands, app, hooked, play, stops


def test_pre_stop_runs_before_the_stop_signal_within_the_grace_period() -> None:
    async def story(w: World) -> None:
        commands = Commands(w, Command(takes_s=4))
        await w.apply(pod_document(containers=[hooked(None, HOOK)]))
        await asyncio.sleep(1)
        await w.delete("web", grace_s=30)
        await asyncio.sleep(3.5)
        assert w.runtime.running() == ["web/app"]
        assert stops(w) == []
        await asyncio.sleep(2)
        assert w.gone()
        assert stops(w) == ["1-app-0 26"]
        assert len(commands.ran) == 1

    play(story)


def test_a_pre_stop_hook_that_overruns_leaves_two_seconds() -> None:
    async def story(w: World) -> None:
        Commands(w, Command(takes_s=60))
        await w.apply(pod_document(containers=[hooked(None, HOOK, image="stubborn:1")]))
        await asyncio.sleep(1)
        await w.delete("web", grace_s=5)
        await asyncio.sleep(6.5)
        assert w.runtime.running() == ["web/app"]
        await asyncio.sleep(1)
        assert w.gone()
        assert stops(w) == ["1-app-0 2"]
        assert "FailedPreStopHook" not in w.events.reasons()

    play(story)


def test_a_failing_pre_stop_hook_is_told_and_changes_nothing() -> None:
    async def story(w: World) -> None:
        Commands(w, Command(exit_code=1))
        await w.apply(pod_document(containers=[hooked(None, HOOK)]))
        await asyncio.sleep(1)
        await w.delete("web")
        await asyncio.sleep(1)
        assert w.gone()
        assert "FailedPreStopHook app PreStopHook failed" in w.events.lines

    play(story)


def test_pre_stop_does_not_run_for_a_container_that_ends_by_itself() -> None:
    async def story(w: World) -> None:
        commands = Commands(w)
        w.have("short:1", Program(after_s=3))
        await w.apply(pod_document(restartPolicy="Never", containers=[hooked(None, HOOK, image="short:1")]))
        await asyncio.sleep(10)
        assert (w.pod().status.phase, commands.ran) == ("Succeeded", [])

    play(story)


def test_a_pod_that_is_forced_to_go_has_a_second_for_its_hook_and_two_for_its_end() -> None:
    async def story(w: World) -> None:
        commands = Commands(w, Command(takes_s=60))
        await w.apply(pod_document(containers=[hooked(None, HOOK, image="stubborn:1")]))
        await asyncio.sleep(1)
        await w.delete("web", grace_s=0)
        await asyncio.sleep(2.9)
        assert w.runtime.running() == ["web/app"]
        await asyncio.sleep(0.2)
        assert (w.gone(), len(commands.ran), stops(w)) == (True, 1, ["1-app-0 2"])

    play(story)


def test_pre_stop_does_not_run_without_a_grace_period_of_the_pods_own() -> None:
    async def story(w: World) -> None:
        commands = Commands(w)
        w.have("app:2")
        document = pod_document(containers=[hooked(None, HOOK)], terminationGracePeriodSeconds=0)
        await w.apply(document)
        await asyncio.sleep(1)
        document["spec"]["containers"][0]["image"] = "app:2"
        await w.apply(document)
        await asyncio.sleep(5)
        assert (commands.ran, stops(w)) == ([], ["1-app-0 2"])

    play(story)


def test_pre_stop_runs_when_a_probe_or_a_new_image_ends_the_container() -> None:
    async def story(w: World) -> None:
        commands = Commands(w)
        w.have("app:2")
        w.net.listen(IP, 80)
        probe = {
            "tcpSocket": {"port": 80},
            "periodSeconds": 1,
            "failureThreshold": 1,
            "timeoutSeconds": 1,
            "initialDelaySeconds": 2,
        }
        document = pod_document(containers=[hooked(None, HOOK, livenessProbe=probe)])
        await w.apply(document)
        await asyncio.sleep(3.5)
        w.net.close(IP, 80)
        await asyncio.sleep(1)
        w.net.listen(IP, 80)
        await asyncio.sleep(30)
        document["spec"]["containers"][0]["image"] = "app:2"
        await w.apply(document)
        await asyncio.sleep(5)
        assert [words for _, words in commands.ran] == ["app-0 hook", "app-1 hook"]

    play(story)


def test_all_pre_stop_hooks_start_at_once_and_sidecars_wait_for_their_turn() -> None:
    async def story(w: World) -> None:
        commands = Commands(w, Command(takes_s=2))
        sides = [
            hooked(None, {"exec": {"command": ["bye"]}}, name=name, restartPolicy="Always") for name in ("one", "two")
        ]
        await w.apply(pod_document(initContainers=sides, containers=[hooked(None, HOOK, image="stubborn:1")]))
        await asyncio.sleep(1)
        await w.delete("web", grace_s=10)
        await asyncio.sleep(30)
        assert w.gone()
        assert [round(at) for at, _ in commands.ran] == [1, 1, 1]
        assert [one.split()[0] for one in stops(w)] == ["1-app-0", "1-two-0", "1-one-0"]

    play(story)


def test_a_shorter_grace_period_does_not_repeat_the_pre_stop_hook() -> None:
    async def story(w: World) -> None:
        commands = Commands(w, Command(takes_s=100))
        await w.apply(pod_document(containers=[hooked(None, HOOK, image="stubborn:1")]))
        await asyncio.sleep(1)
        await w.delete("web", grace_s=300)
        await asyncio.sleep(5)
        await w.delete("web", grace_s=8)
        await asyncio.sleep(6)
        assert w.gone()
        assert len(commands.ran) == 1

    play(story)


def test_a_start_that_is_broken_off_still_gets_its_hook_once() -> None:
    async def story(w: World) -> None:
        commands = Commands(w)
        start = w.runtime.start_container

        async def slow(spec: Any, **how: Any) -> None:
            await start(spec, **how)
            await asyncio.sleep(5)  # made; and broken off before anybody hears of it

        w.runtime.start_container = slow  # type: ignore[method-assign]  # the fault
        document = pod_document(containers=[hooked(HOOK)])
        uid = await w.apply(document)
        await asyncio.sleep(2)
        await w.apply({**document, "metadata": {**document["metadata"], "labels": {"a": "b"}}})
        await asyncio.sleep(20)
        assert len(commands.ran) == 1
        assert [one.instance for one in w.runtime.containers(uid) if isinstance(one.state, Running)] == [0]
        assert app(w).ready

    play(story)


def test_what_outlives_its_sandbox_is_stopped_with_its_hooks_before_a_new_one_is_made() -> None:
    async def story(w: World) -> None:
        commands = Commands(w, Command(takes_s=4))
        side = hooked(None, HOOK, name="side", restartPolicy="Always")
        uid = await w.apply(pod_document(initContainers=[side], containers=[hooked(None, HOOK)]))
        await asyncio.sleep(10)
        w.runtime.lose_sandbox(uid)
        await asyncio.sleep(3)
        assert w.runtime.running() == ["web/app", "web/side"]
        assert [words for _, words in commands.ran] == ["side-0 hook", "app-0 hook"]
        await asyncio.sleep(10)
        assert stops(w) == ["1-app-0 26", "1-side-0 30"]
        assert w.runtime.running() == ["web/app", "web/side"]
        assert app(w).restart_count == 1
        assert [one for one in w.events.reasons() if one in {"Killing", "SandboxChanged"}] == [
            "Killing",
            "Killing",
            "SandboxChanged",
        ]
        assert len(commands.ran) == 2

    play(story)
