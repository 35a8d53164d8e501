"""The pod worker under random crashes: whatever happens, what settles is what is wanted, and nothing is doubled."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from edgelet.api.errors import EngineError
from edgelet.ports.runtime import Exited
from tests.fakes.runtime import Command, Program
from tests.fakes.virtual_time import VirtualLoop
from tests.fakes.world import World, pod_document

T = TypeVar("T")
LONG_S = 1000.0  # longer than any back-off
_PROBE = {"tcpSocket": {"port": 80}, "periodSeconds": 10, "timeoutSeconds": 1}
CARE = {
    "startupProbe": {**_PROBE, "periodSeconds": 1, "failureThreshold": 10},
    "livenessProbe": {**_PROBE, "failureThreshold": 3, "successThreshold": 1},
    "readinessProbe": {**_PROBE, "failureThreshold": 1, "successThreshold": 2},
    "lifecycle": {"postStart": {"exec": {"command": ["post"]}}, "preStop": {"exec": {"command": ["pre"]}}},
}


class PodWorkers(RuleBasedStateMachine):
    """Pods come, go and change; containers, engine, agent and board fail in between."""

    pods = Bundle("pods")

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner(loop_factory=VirtualLoop)
        self._names = itertools.count()
        self._wanted: dict[str, dict[str, Any]] = {}
        self._world = World()
        for image in ("app:1", "app:2"):
            self._world.have(image)
        self._world.have("init:1", Program(after_s=2.0))
        self._world.have("look:1", Program(after_s=1.0))
        self._world.net.open_by_default = True
        self._world.runtime.commands = self._command
        self._post_starts: Counter[str] = Counter()  # by container id
        self._do(self._start())

    def teardown(self) -> None:
        self._do(self._settle())
        self._do(self._world.stop_agent())
        self._runner.close()

    async def _command(self, container_id: str, argv: tuple[str, ...]) -> Command:
        self._post_starts[container_id] += argv == ("post",)
        return Command(takes_s=1.5)

    @rule(
        target=pods,
        policy=st.sampled_from(["Always", "OnFailure"]),
        init=st.booleans(),
        two=st.booleans(),
        care=st.booleans(),
    )
    def apply(self, policy: str, *, init: bool, two: bool, care: bool) -> str:
        name = f"p{next(self._names)}"
        extra = {"initContainers": [{"name": "init", "image": "init:1"}]} if init else {}
        cared = CARE if care else {}
        names = ["a", "b"] if two else ["a"]
        document = pod_document(
            name, restartPolicy=policy, containers=[{"name": one, "image": "app:1", **cared} for one in names], **extra
        )
        self._wanted[name] = document
        self._do(self._world.apply(document))
        return name

    @rule(name=pods)
    def change_the_image(self, name: str) -> None:
        document = self._wanted[name]
        for container in document["spec"]["containers"]:
            container["image"] = "app:2"
        self._do(self._world.apply(document))

    @rule(name=pods, milli=st.sampled_from([100, 200]), restart=st.booleans())
    def resize(self, name: str, milli: int, *, restart: bool) -> None:
        document = self._wanted[name]
        policy = [{"resourceName": "cpu", "restartPolicy": "RestartContainer"}] if restart else []
        for container in document["spec"]["containers"]:
            container["resources"] = {"limits": {"cpu": f"{milli}m"}, "requests": {"cpu": f"{milli}m"}}
            container["resizePolicy"] = policy
        self._do(self._world.apply(document))

    @rule(name=pods)
    def look_into(self, name: str) -> None:
        document = self._wanted[name]
        inside = document["spec"].setdefault("ephemeralContainers", [])
        inside.append({"name": f"look{len(inside)}", "image": "look:1", "imagePullPolicy": "IfNotPresent"})
        self._do(self._world.apply(document))

    @rule(name=consumes(pods), grace_s=st.sampled_from([0, 5, 30]))
    def delete(self, name: str, grace_s: int) -> None:
        del self._wanted[name]
        self._do(self._world.delete(name, grace_s=grace_s))

    @rule(name=pods, code=st.sampled_from([1, 137]))
    def kill_a_container(self, name: str, code: int) -> None:
        async def kill() -> None:
            uid = self._world.pod(name).metadata.uid
            if self._world.runtime.containers(uid):
                self._world.runtime.kill(uid, "a", code)

        self._do(kill())

    @rule(name=pods)
    def lose_the_sandbox(self, name: str) -> None:
        async def lose() -> None:
            uid = self._world.pod(name).metadata.uid
            if self._world.runtime.containers(uid):
                self._world.runtime.lose_sandbox(uid)

        self._do(lose())

    @rule(seconds=st.sampled_from([0.0, 0.5, 3.0, 60.0]))
    def time_passes(self, seconds: float) -> None:
        self._do(asyncio.sleep(seconds))

    @rule(down_s=st.sampled_from([0.0, 20.0]))
    def restart_the_agent(self, down_s: float) -> None:
        async def restart() -> None:
            await self._world.stop_agent()
            await asyncio.sleep(down_s)
            await self._start()

        self._do(restart())

    @rule()
    def reboot_the_board(self) -> None:
        async def reboot() -> None:
            await self._world.stop_agent()
            self._world.runtime.reboot()
            await self._start()

        self._do(reboot())

    @rule(call=st.sampled_from(["create_sandbox", "start_container", "remove_pod", "pod"]))
    def the_engine_fails_for_a_while(self, call: str) -> None:
        async def fail() -> None:
            self._world.runtime.failing[call] = EngineError("EngineUnavailable", "no answer")
            await asyncio.sleep(30)
            self._world.runtime.failing.clear()

        self._do(fail())

    @rule(seconds=st.sampled_from([5.0, 45.0]))
    def nobody_answers_probes_for_a_while(self, seconds: float) -> None:
        async def fail() -> None:
            self._world.net.open_by_default = False
            await asyncio.sleep(seconds)
            self._world.net.open_by_default = True

        self._do(fail())

    @rule(target=pods)
    def everything_settles(self) -> Any:
        self._do(self._settle())
        return multiple()

    @invariant()
    def nothing_is_doubled(self) -> None:
        running = self._world.runtime.running()
        assert len(running) == len(set(running))

    @invariant()
    def no_instance_has_its_post_start_hook_twice(self) -> None:
        assert max(self._post_starts.values(), default=0) <= 1

    @invariant()
    def no_app_runs_before_its_inits_are_done(self) -> None:
        for name, document in self._wanted.items():
            if "initContainers" not in document["spec"]:
                continue
            seen = self._world.runtime.containers(self._world.pod(name).metadata.uid)
            states = [one.state for one in seen if one.name == "init"]
            done = any(isinstance(state, Exited) and state.exit_code == 0 for state in states)
            assert done or not [one for one in seen if one.name in {"a", "b"}], name

    @invariant()
    def nobody_is_looked_into_twice(self) -> None:
        starts = [call for call in self._world.runtime.calls if call.startswith("start_container look")]
        assert all(call.endswith("#0") for call in starts)

    async def _settle(self) -> None:
        await asyncio.sleep(LONG_S)
        expected = sorted(
            f"{name}/{one['name']}" for name, document in self._wanted.items() for one in document["spec"]["containers"]
        )
        assert self._world.runtime.running() == expected
        for name, document in self._wanted.items():
            status = self._world.pod(name).status
            assert status.phase == "Running", name
            assert self._world.condition("Ready", name) == "True", name
            for container in document["spec"]["containers"]:
                one = next(each for each in status.container_statuses if each.name == container["name"])
                assert one.resources is not None
                assert one.resources.to_document() == container.get("resources", {})
                made = self._world.runtime.spec((one.container_id or "").partition("://")[2]).resources
                wanted = container.get("resources", {"limits": {"cpu": "0m"}})["limits"]["cpu"]
                assert made.cpu_quota_us == int(wanted.removesuffix("m")) * 100
            looked = {one.name: one.state for one in status.ephemeral_container_statuses}
            assert set(looked) == {one["name"] for one in document["spec"].get("ephemeralContainers", ())}
            assert all(state.terminated is not None for state in looked.values()), looked
            images = {one.name: one.image for one in status.container_statuses}
            assert images == {one["name"]: one["image"] for one in document["spec"]["containers"]}
        assert {one.key.name for one in self._world.store.list("Pod")} == set(self._wanted)
        assert await self._world.calls_during(LONG_S) == [], "at rest nothing is asked of the engine"

    async def _start(self) -> None:
        self._world.start_agent()
        await asyncio.sleep(0)

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)


TestPodWorkers = PodWorkers.TestCase
TestPodWorkers.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
