from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from edgelet.api.pod_status import ContainerStatus
from edgelet.ports.runtime import Running
from tests.fakes import virtual_time
from tests.fakes.probe_net import Page
from tests.fakes.runtime import Command, Program
from tests.fakes.world import World, pod_document, world

Story = Callable[[World], Awaitable[None]]
IP = "10.77.0.2"
HOOK = {"exec": {"command": ["hook"]}}


def play(story: Story, *images: str) -> None:
    async def whole() -> None:
        async with world(*(images or ("app:1",))) as made:
            made.have("stubborn:1", Program(ignores_term=True))
            await story(made)

    virtual_time.run(whole())


def hooked(post_start: Any = None, pre_stop: Any = None, **container: Any) -> dict[str, Any]:
    hooks = {"postStart": post_start, "preStop": pre_stop}
    return {
        "name": "app",
        "image": "app:1",
        "lifecycle": {name: hook for name, hook in hooks.items() if hook is not None},
        **container,
    }


def app(w: World) -> ContainerStatus:
    return w.pod().status.container_statuses[0]


def stops(w: World) -> list[str]:
    """Container and grace of each stop."""
    return [call.partition(" ")[2].partition("-")[2] for call in w.runtime.calls if call.startswith("stop_container")]


class Commands:
    """What hooks do, by container and command; and when each began."""

    def __init__(self, w: World, result: Command | None = None) -> None:
        self.result = result or Command()
        self.ran: list[tuple[float, str]] = []
        w.runtime.commands = self._run

    async def _run(self, container_id: str, argv: tuple[str, ...]) -> Command:
        self.ran.append(
            (asyncio.get_running_loop().time(), f"{container_id.partition('-')[2].partition('-')[2]} {' '.join(argv)}")
        )
        return self.result


def test_a_container_counts_as_started_and_the_next_one_starts_after_its_post_start_hook() -> None:
    async def story(w: World) -> None:
        Commands(w, Command(takes_s=5))
        await w.apply(pod_document(containers=[hooked(HOOK), {"name": "later", "image": "app:1"}]))
        await asyncio.sleep(4.9)
        assert w.runtime.running() == ["web/app"]
        assert (app(w).started, app(w).ready, w.pod().status.phase) == (False, False, "Pending")
        waiting = app(w).state.waiting
        assert waiting is not None
        assert waiting.reason == "ContainerCreating"
        await asyncio.sleep(0.3)
        assert w.runtime.running() == ["web/app", "web/later"]
        assert (app(w).started, app(w).ready, w.pod().status.phase) == (True, True, "Running")

    play(story)


def test_the_next_container_waits_for_the_image_of_one_with_a_hook_but_not_for_one_that_cannot_be_had() -> None:
    async def story(w: World) -> None:
        Commands(w, Command(takes_s=2))
        w.images.registries.offer("far:1")
        w.images.hold.clear()
        later = {"name": "later", "image": "app:1"}
        await w.apply(pod_document(containers=[hooked(HOOK, image="far:1"), later]))
        await asyncio.sleep(5)
        assert w.runtime.running() == []
        w.images.hold.set()
        await asyncio.sleep(1)
        assert w.runtime.running() == ["web/app"]
        await asyncio.sleep(2)
        assert w.runtime.running() == ["web/app", "web/later"]
        await w.apply(pod_document("none", containers=[hooked(HOOK, image="nowhere:1"), later]))
        await asyncio.sleep(5)
        assert "none/later" in w.runtime.running()

    play(story)


def test_a_failing_post_start_hook_ends_the_container_which_restarts_with_back_off() -> None:
    async def story(w: World) -> None:
        commands = Commands(w, Command(exit_code=3, output="secret"))
        await w.apply(pod_document(containers=[hooked(HOOK)]))
        await asyncio.sleep(0.5)
        assert "FailedPostStartHook app PostStartHook failed" in w.events.lines
        assert "Killing app FailedPostStartHook" in w.events.lines
        waiting = app(w).state.waiting
        assert waiting is not None
        assert waiting.reason == "PostStartHookError"
        assert waiting.message is not None
        assert 'Exec lifecycle hook ([hook]) for Container "app" in Pod "web_default(' in waiting.message
        await asyncio.sleep(5)
        assert app(w).restart_count == 1
        assert not app(w).ready
        waiting = app(w).state.waiting
        assert waiting is not None
        assert waiting.reason == "CrashLoopBackOff"
        commands.result = Command()
        await asyncio.sleep(20)
        assert (app(w).restart_count, app(w).ready) == (2, True)
        assert len(commands.ran) == 3

    play(story)


def test_a_failing_post_start_hook_ends_a_pod_that_never_restarts() -> None:
    async def story(w: World) -> None:
        Commands(w, Command(exit_code=1))
        await w.apply(pod_document(restartPolicy="Never", containers=[hooked(HOOK)]))
        await asyncio.sleep(5)
        assert w.pod().status.phase == "Failed"

    play(story)


def test_a_tcp_hook_fails_as_it_does_in_kubernetes() -> None:
    async def story(w: World) -> None:
        w.net.listen(IP, 80)
        await w.apply(pod_document(containers=[hooked({"tcpSocket": {"port": 80}})]))
        await asyncio.sleep(0.5)
        waiting = app(w).state.waiting
        assert waiting is not None
        assert (waiting.reason, waiting.message) == (
            "PostStartHookError",
            "Cannot run handler: invalid handler: tcpSocket",
        )

    play(story)


def test_a_post_start_hook_by_http_is_content_with_any_answer() -> None:
    async def story(w: World) -> None:
        w.net.serve(IP, 80, Page(status=500))
        await w.apply(pod_document(containers=[hooked({"httpGet": {"port": 80, "path": "/up", "scheme": "HTTPS"}})]))
        await asyncio.sleep(1)
        assert app(w).ready
        assert [(one.scheme, one.path) for one in w.net.asked] == [("https", "/up"), ("http", "/up")]
        assert ("User-Agent", "kube-lifecycle/1.35") in w.net.asked[0].headers
        assert "LifecycleHTTPFallback" in w.events.reasons()

    play(story)


def test_an_agent_restart_in_the_midst_of_a_post_start_hook_does_not_repeat_it() -> None:
    async def story(w: World) -> None:
        commands = Commands(w, Command(takes_s=60))
        await w.apply(pod_document(containers=[hooked(HOOK)]))
        await asyncio.sleep(5)
        assert not app(w).started
        await w.stop_agent()
        w.start_agent()
        await asyncio.sleep(100)
        assert (len(commands.ran), app(w).started, app(w).ready) == (1, True, True)
        assert w.runtime.running() == ["web/app"]

    play(story)


def test_a_change_of_labels_does_not_disturb_a_post_start_hook() -> None:
    async def story(w: World) -> None:
        commands = Commands(w, Command(takes_s=10))
        document = pod_document(containers=[hooked(HOOK), {"name": "later", "image": "app:1"}])
        await w.apply(document)
        await asyncio.sleep(5)
        await w.apply({**document, "metadata": {**document["metadata"], "labels": {"a": "b"}}})
        await asyncio.sleep(1)
        assert w.runtime.running() == ["web/app"]
        await asyncio.sleep(5)
        assert w.runtime.running() == ["web/app", "web/later"]
        assert len(commands.ran) == 1

    play(story)


def test_a_deletion_breaks_off_a_post_start_hook() -> None:
    async def story(w: World) -> None:
        await w.apply(pod_document(containers=[hooked({"sleep": {"seconds": 1000}})]))
        await asyncio.sleep(5)
        await w.delete("web")
        await asyncio.sleep(3)
        assert w.gone()

    play(story)


def test_a_container_that_ends_during_its_hook_starts_again_when_the_hook_returned() -> None:
    async def story(w: World) -> None:
        uid = await w.apply(pod_document(containers=[hooked({"sleep": {"seconds": 10}})]))
        await asyncio.sleep(2)
        w.runtime.kill(uid, "app")
        await asyncio.sleep(5)
        assert w.runtime.running() == []
        await asyncio.sleep(20)
        assert w.runtime.running() == ["web/app"]

    play(story)


def test_a_container_that_ends_before_its_hook_begins_starts_again() -> None:
    async def story(w: World) -> None:
        commands = Commands(w)
        w.have("flash:1", Program(after_s=0.0, exit_code=1))
        await w.apply(pod_document(containers=[hooked(HOOK, image="flash:1"), {"name": "later", "image": "app:1"}]))
        await asyncio.sleep(15)
        assert app(w).restart_count == 2
        assert w.runtime.running() == ["web/later"]
        assert commands.ran == []

    play(story)


def test_a_sidecars_hooks_gate_the_app_and_run_on_its_end() -> None:
    async def story(w: World) -> None:
        commands = Commands(w, Command(takes_s=3))
        side = hooked(HOOK, {"exec": {"command": ["bye"]}}, name="side", restartPolicy="Always")
        await w.apply(pod_document(initContainers=[side]))
        await asyncio.sleep(2)
        assert w.runtime.running() == ["web/side"]
        await asyncio.sleep(2)
        assert w.runtime.running() == ["web/app", "web/side"]
        await w.delete("web")
        await asyncio.sleep(10)
        assert w.gone()
        assert [words for _, words in commands.ran] == ["side-0 hook", "side-0 bye"]

    play(story)


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
