from __future__ import annotations

import asyncio

from tests.fakes.probe_net import Page
from tests.fakes.runtime import Command, Program
from tests.fakes.world import World, pod_document
from tests.flow.pods.hook_stories import HOOK, IP, Commands, app, hooked, play


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
