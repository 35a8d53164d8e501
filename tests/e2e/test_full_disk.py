"""Full disks: the agent reports it, makes room where it may, keeps what was acknowledged, and goes on afterwards."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.agent import AgentUnderTest, until
from tests.fixtures.small_disk import small
from tests.fixtures.workload import pod

pytestmark = [pytest.mark.podman, pytest.mark.slow]

STATE_MB = 24
IMAGES_MB = 64
JUNK_MB = 9


@pytest.fixture
def agent() -> Iterator[AgentUnderTest]:
    settings = {
        "disk": {"look_s": 1, "image_min_age_s": 0},
        "eviction": {"look_s": 1, "pressure_transition_period_s": 1},
    }
    agent = AgentUnderTest(settings=settings)
    with small(agent.base / "state", STATE_MB), small(agent.base / "s", IMAGES_MB), agent:
        yield agent


def critical(name: str) -> dict[str, Any]:
    """A pod that is neither evicted nor kept out by a full disk."""
    return pod(name, priority=2_000_000_000)


def fill(path: Path) -> Path:
    """Write until not a byte goes in any more."""
    filler = path / "filler"
    with filler.open("ab", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return filler


def pressure(agent: AgentUnderTest) -> dict[str, Any]:
    node = agent.get("node", "board", "") or {}
    return next(one for one in node["status"]["conditions"] if one["type"] == "DiskPressure")


def phase(agent: AgentUnderTest, name: str) -> str:
    return str(((agent.get("pod", name) or {}).get("status") or {}).get("phase"))


def reasons(agent: AgentUnderTest) -> str:
    return agent.cli("get", "events", "-A").stdout


def test_a_full_state_disk_loses_nothing_that_was_acknowledged(agent: AgentUnderTest) -> None:
    agent.apply(pod("before"))
    until(lambda: phase(agent, "before") == "Running", what="it runs")
    runs = [one["Id"] for one in agent.containers()]
    filler = fill(agent.base / "state")
    until(lambda: "nodefs" in pressure(agent)["message"], within_s=15)
    assert pressure(agent)["status"] == "True"
    fill(agent.base / "state")  # what the agent had reserved is gone, too
    acknowledged = ["before"]
    for number in range(8):
        # The database's log may still have room for one or two; then it refuses, with nothing changed.
        big = critical(f"during{number}") | {
            "metadata": {"name": f"during{number}", "annotations": {"x": "y" * 60_000}}
        }
        done = agent.cli("apply", "-f", "-", stdin=json.dumps(big), check=False)
        assert done.returncode == 0 or "free space" in done.stderr, done.stderr
        if done.returncode == 0:
            acknowledged.append(f"during{number}")
    assert len(acknowledged) < 9, "the disk was not full"
    agent.kill()
    filler.unlink()
    agent.start()
    until(lambda: all(phase(agent, one) == "Running" for one in acknowledged), within_s=60, what="all of them run")
    assert runs[0] in [one["Id"] for one in agent.containers()], "the first one was not touched"
    agent.apply(pod("after"))
    until(lambda: phase(agent, "after") == "Running", what="new ones run again")
    until(lambda: pressure(agent)["status"] == "False", within_s=15)


def test_unused_images_make_room_for_pods_and_those_in_use_stay(agent: AgentUnderTest) -> None:
    agent.apply(pod("first"))
    until(lambda: phase(agent, "first") == "Running", what="it runs")
    for number in range(4):
        layer = agent.base / "layer"
        layer.mkdir(exist_ok=True)
        (layer / "data").write_bytes(bytes([number]) * (JUNK_MB << 20))
        tar = agent.base / "state" / "junk.tar"
        subprocess.run(("tar", "-C", str(layer), "-cf", str(tar), "."), check=True)
        agent.podman("import", "-q", str(tar), f"registry.invalid/junk:{number}")
        tar.unlink()
    fill(agent.base / "s")
    until(lambda: "FreedDiskSpace" in reasons(agent), within_s=30, what="images are removed")
    until(lambda: pressure(agent)["status"] == "False", within_s=15)
    left = agent.podman("images")
    assert "testbox" in left
    assert 0 < left.count("junk") < 4, "no more than needed"
    agent.apply(pod("second"))
    until(lambda: phase(agent, "second") == "Running", within_s=60, what="a new pod finds room")
    assert phase(agent, "first") == "Running"


def test_with_nothing_to_remove_the_agent_says_so_and_goes_on_when_room_returns(agent: AgentUnderTest) -> None:
    agent.apply(critical("first"))
    until(lambda: phase(agent, "first") == "Running", what="it runs")
    filler = fill(agent.base / "s")
    until(lambda: "FreeDiskSpaceFailed" in reasons(agent), within_s=30, what="it is told")
    agent.apply(critical("waits"))
    until(lambda: "Failed" in agent.cli("get", "events").stdout, within_s=30, what="there is no room to start it")
    filler.unlink()
    until(lambda: phase(agent, "waits") == "Running", within_s=60, what="it starts once there is room")
    assert len(agent.containers()) == 2
