"""A file system that the kernel makes read-only, as at a card's end: pods go on, the node says it, nothing is lost."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.agent import AgentUnderTest, until
from tests.fixtures.workload import pod

pytestmark = [pytest.mark.podman, pytest.mark.slow]


class Card:
    """An ext4 of a test's own in a file, that can be told to find an error."""

    def __init__(self, image: Path, at: Path) -> None:
        self._image = image
        self._at = at
        image.write_bytes(b"")
        with image.open("r+b") as file:
            file.truncate(32 << 20)
        run("mkfs.ext4", "-q", str(image))
        at.mkdir()

    def mount(self) -> None:
        run("mount", "-o", "loop,errors=remount-ro", str(self._image), str(self._at))

    def fail(self) -> None:
        """Have the kernel find an error in it. Source: Documentation/ABI/testing/sysfs-fs-ext4, trigger_fs_error."""
        device = run("findmnt", "-no", "SOURCE", str(self._at)).removeprefix("/dev/")
        with contextlib.suppress(OSError):
            Path(f"/sys/fs/ext4/{device}/trigger_fs_error").write_text("1")
        with pytest.raises(OSError, match="Read-only"):
            (self._at / "probe").touch()

    def repair(self) -> None:
        self.take_out()
        subprocess.run(("e2fsck", "-fy", str(self._image)), check=False, capture_output=True)
        self.mount()

    def take_out(self) -> None:
        run("umount", str(self._at))


@pytest.fixture
def agent() -> AgentUnderTest:
    return AgentUnderTest(settings={"disk": {"look_s": 1}})


@pytest.fixture
def card(agent: AgentUnderTest) -> Iterator[Card]:
    made = Card(agent.base / "card", agent.base / "state")
    made.mount()
    try:
        with agent:
            yield made
            agent.kill()
            made.repair()  # for what clears up behind the agent
            agent.start()
    finally:
        subprocess.run(("umount", "-l", str(agent.base / "state")), check=False, capture_output=True)


def run(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


def status(agent: AgentUnderTest, name: str) -> dict[str, Any]:
    return (agent.get("pod", name) or {}).get("status") or {}


def trouble(agent: AgentUnderTest) -> str:
    """What the node says of its state directory; "" where it says nothing."""
    conditions = (agent.get("node", "board", "") or {})["status"]["conditions"]
    return next((one["message"] for one in conditions if one["type"] == "StateUnwritable"), "")


def test_pods_go_on_and_the_node_says_that_nothing_new_is_kept(agent: AgentUnderTest, card: Card) -> None:
    agent.apply(pod("first"))
    until(lambda: status(agent, "first").get("phase") == "Running", what="it runs")
    assert trouble(agent) == ""
    card.fail()
    until(lambda: "read-only" in trouble(agent), within_s=15, what="the node says it")
    assert agent.cli("get", "events", "-A").stdout.count("StateUnwritable") == 1
    refused = agent.cli("apply", "-f", "-", stdin=json.dumps(pod("second")), check=False)
    assert refused.returncode != 0
    assert "cannot write the state database" in refused.stderr
    [container] = [one for one in agent.containers() if one["Labels"].get("edgelet.container.name") == "main"]
    run("kill", "-9", str(container["Pid"]))
    import time; time.sleep(5); print(agent.log_tail(60)); print(agent.podman("ps","-a"))
    until(lambda: status(agent, "first")["containerStatuses"][0]["restartCount"] == 1, what="it is started again\n" + agent.log_tail())
    agent.kill()
    card.repair()
    agent.start()
    assert trouble(agent) == ""
    until(lambda: status(agent, "first").get("phase") == "Running", what="it runs")
    agent.apply(pod("second"))
    until(lambda: status(agent, "second").get("phase") == "Running", what="new ones run again")
