from __future__ import annotations

import asyncio
from typing import Any

from edgelet.api import conditions
from tests.fakes.runtime import Program
from tests.fakes.world import World, pod_document
from tests.flow.pods.stories import play

RULE = {"action": "RestartAllContainers", "exitCodes": {"operator": "In", "values": [42]}}
TRIGGER: dict[str, Any] = {
    "name": "trigger",
    "image": "app:1",
    "restartPolicy": "Never",
    "restartPolicyRules": [RULE],
}


def _document(**more: Any) -> dict[str, Any]:
    return pod_document(
        restartPolicy="Never",
        initContainers=[
            {"name": "init", "image": "init:1"},
            {"name": "side", "image": "app:1", "restartPolicy": "Always"},
        ],
        containers=[{"name": "other", "image": "app:1"}, TRIGGER],
        **more,
    )


def _starts(w: World) -> list[str]:
    return [call.split()[1] for call in w.runtime.calls if call.startswith("start_container")]


def _condition(w: World) -> tuple[str, str | None]:
    found = conditions.find(w.pod().status.conditions, "AllContainersRestarting")
    assert found is not None
    return found.status, found.reason


async def _begun(w: World, **more: Any) -> str:
    w.have("init:1", Program(after_s=1.0))
    uid = await w.apply(_document(**more))
    await asyncio.sleep(5)
    assert w.runtime.running() == ["web/other", "web/side", "web/trigger"]
    assert _condition(w) == ("False", None)
    return uid


def test_an_exit_with_such_a_rule_has_everything_begin_anew_in_the_same_sandbox() -> None:
    async def story(w: World) -> None:
        uid = await _begun(w)
        address = w.pod().status.pod_ip
        first = _starts(w)
        w.runtime.kill(uid, "trigger", 42)
        await asyncio.sleep(5)
        assert _starts(w)[len(first) :] == ["init#1", "side#1", "other#1", "trigger#1"]
        status = w.pod().status
        assert status.phase == "Running"
        assert status.pod_ip == address
        assert {one.restart_count for one in (*status.container_statuses, *status.init_container_statuses)} == {1}
        assert _condition(w) == ("False", None)
        assert len([call for call in w.runtime.calls if call.startswith("create_sandbox")]) == 1

    play(story)


def test_another_exit_code_follows_the_policy() -> None:
    async def story(w: World) -> None:
        uid = await _begun(w)
        before = _starts(w)
        w.runtime.kill(uid, "trigger", 1)
        await asyncio.sleep(60)
        assert _starts(w) == before
        assert w.runtime.running() == ["web/other", "web/side"]

    play(story)


def test_while_it_lasts_the_status_says_so() -> None:
    async def story(w: World) -> None:
        w.have("deaf:1", Program(ignores_term=True))
        w.have("init:1", Program(after_s=5.0))
        document = _document(terminationGracePeriodSeconds=10)
        document["spec"]["containers"][0]["image"] = "deaf:1"
        uid = await w.apply(document)
        await asyncio.sleep(8)
        w.runtime.kill(uid, "trigger", 42)
        await asyncio.sleep(5)
        assert _condition(w) == ("True", "RestartAllContainersStarted")
        await asyncio.sleep(7)
        waiting = {one.name: one.state.waiting for one in w.pod().status.container_statuses}
        assert {one.reason for one in waiting.values() if one} == {"RestartingAllContainers"}
        await asyncio.sleep(10)
        assert _condition(w) == ("False", None)
        assert len(w.runtime.running()) == 3

    play(story)


def test_an_agent_that_is_restarted_in_between_goes_on() -> None:
    async def story(w: World) -> None:
        w.have("init:1", Program(after_s=20.0))
        uid = await w.apply(_document())
        await asyncio.sleep(25)
        w.runtime.kill(uid, "trigger", 42)
        await asyncio.sleep(5)
        await w.stop_agent()
        w.start_agent()
        await asyncio.sleep(30)
        assert w.runtime.running() == ["web/other", "web/side", "web/trigger"]
        assert w.pod().status.phase == "Running"

    play(story)


def test_it_is_held_back_when_it_comes_again_and_again() -> None:
    async def story(w: World) -> None:
        w.have("again:1", Program(after_s=1.0, exit_code=42))
        document = pod_document(restartPolicy="Never", containers=[{**TRIGGER, "image": "again:1"}])
        await w.apply(document)
        await asyncio.sleep(100)
        assert 3 <= len(_starts(w)) <= 6

    play(story)


def test_an_init_container_may_have_such_a_rule_too() -> None:
    async def story(w: World) -> None:
        w.have("flaky:1", Program(after_s=1.0, exit_code=42))
        init = {**TRIGGER, "name": "second", "image": "flaky:1"}
        w.have("init:1", Program(after_s=1.0))
        await w.apply(pod_document(restartPolicy="Never", initContainers=[{"name": "first", "image": "init:1"}, init]))
        await asyncio.sleep(3.5)
        flaky = [image for image, program in w.runtime.programs.items() if program.exit_code == 42]
        w.runtime.programs |= dict.fromkeys(flaky, Program(after_s=1.0))
        await asyncio.sleep(30)
        assert _starts(w)[:4] == ["first#0", "second#0", "first#1", "second#1"]
        assert w.pod().status.phase == "Running"

    play(story)
