from __future__ import annotations

from typing import Any

import pytest

from edgelet.pods import ending
from edgelet.pods.hooks import Hooks
from edgelet.pods.probe_call import CarePorts
from edgelet.pods.steps import KillContainers, Target
from edgelet.ports.runtime import ContainerSpec, PodRef, SandboxSpec
from tests import builders
from tests.fakes import virtual_time
from tests.fakes.runtime import Command
from tests.fakes.world import NODE, World

HOOKED = {"lifecycle": {"preStop": {"exec": {"command": ["bye"]}}}}
REF = PodRef("u", "default", "web")
A, B = Target("a", "u-a-0"), Target("b", "u-b-0")


@pytest.mark.parametrize(
    ("step", "ran", "seconds"),
    [
        ({}, ["u-a-0"], 1.0),
        ({"later": (B,)}, ["u-a-0", "u-b-0"], 1.0),
        ({"hooks": False, "later": (B,)}, [], 0.0),
        ({"grace_s": 0.0, "later": (B,)}, [], 0.0),
    ],
)
def test_hooks_run_where_they_are_to(step: dict[str, Any], ran: list[str], seconds: float) -> None:
    async def story() -> None:
        w = World()
        found = []

        async def command(container_id: str, argv: tuple[str, ...]) -> Command:
            found.append(container_id)
            assert argv == ("bye",)
            return Command(takes_s=1.0)

        w.runtime.commands = command
        await w.runtime.create_sandbox(SandboxSpec(pod=REF, hostname="web"))
        for name in ("a", "b"):
            await w.runtime.start_container(ContainerSpec(pod=REF, name=name, instance=0, image="i", spec_hash=""))
        pod = builders.pod("web", *(builders.container_document(name, **HOOKED) for name in ("a", "b")))
        ports = CarePorts(runtime=w.runtime, net=w.net, clock=w.clock, events=w.events, node=lambda: NODE)
        hooks = Hooks(ports, tell=lambda _step, _trouble: None)
        await ending.kill(
            ports, hooks, pod, KillContainers(**{"targets": (A,), "grace_s": 9.0, "message": "", **step}), ()
        )
        assert sorted(found) == ran
        assert w.clock.monotonic_s() == seconds
        assert w.runtime.running() == ["web/b"]
        hooks.close()

    virtual_time.run(story())
