from __future__ import annotations

import pytest

from edgelet.agent import eviction
from edgelet.config.settings import Settings
from edgelet.node.disk_plan import SeenDisks
from edgelet.node.pressure import Observation
from edgelet.ports.host import TaskUsage
from tests.fakes.host import FakeHost


def no_disks() -> SeenDisks:
    raise AssertionError("nobody asked for the disks")


def test_each_signal_is_observed_and_only_those_that_have_a_threshold() -> None:
    host = FakeHost()
    host.known_tasks = TaskUsage(limit=1000, running=300)
    host.set_usage(memory_available_bytes=5)
    memory = (Observation(available=5, capacity=host.known_facts.memory_bytes),)
    assert eviction.observe(host, no_disks, {"memory.available"}) == {"memory.available": memory}
    tasks = (Observation(available=700, capacity=1000),)
    assert eviction.observe(host, no_disks, {"pid.available"}) == {"pid.available": tasks}
    disk = host.disk("/")
    seen = eviction.observe(
        host, lambda: SeenDisks(node={"/": disk}, image=disk, image_path="/i"), {"nodefs.available", "pid.available"}
    )
    assert seen["nodefs.available"][0].available == disk.available_bytes
    assert seen["imagefs.available"][0].place == "/i"
    assert eviction.observe(host, no_disks, set()) == {}


def test_the_defaults_are_the_kubelets_and_soft_ones_have_their_periods() -> None:
    defaults = {one.signal: str(one.value) for one in eviction.thresholds(Settings())}
    assert defaults == {
        "memory.available": "100Mi",
        "nodefs.available": "10 %",
        "nodefs.inodesFree": "5 %",
        "imagefs.available": "15 %",
        "imagefs.inodesFree": "5 %",
    }
    soft = {"soft": {"pid.available": "1k"}, "soft_grace_period_s": {"pid.available": 90}}
    found = eviction.thresholds(Settings.model_validate({"eviction": soft}))
    assert [one.grace_s for one in found if one.signal == "pid.available"] == [90]


@pytest.mark.parametrize("off", ["0%", "100%"])
def test_everything_can_be_switched_off(off: str) -> None:
    settings = Settings.model_validate({"eviction": {"hard": dict.fromkeys(Settings().eviction.hard, off)}})
    assert eviction.thresholds(settings) == ()
