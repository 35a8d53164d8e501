"""A file system that the kernel makes read-only, as at a card's end: pods go on, the node says it, nothing is lost."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgelet.adapters.host import mounts
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
    """What the state directory is on."""
    with card_at(agent, "state") as made:
        yield made


@pytest.fixture
def storage(agent: AgentUnderTest) -> Iterator[Card]:
    """What the engine's storage is on."""
    with card_at(agent, "s") as made:
        yield made


@contextlib.contextmanager
def card_at(agent: AgentUnderTest, name: str) -> Iterator[Card]:
    made = Card(agent.base / f"{name}.card", agent.base / name)
    made.mount()
    try:
        yield made
    finally:
        subprocess.run(("umount", "-l", str(agent.base / name)), check=False, capture_output=True)


@contextlib.contextmanager
def living(agent: AgentUnderTest, *cards: Card) -> Iterator[None]:
    """An agent whose cards are whole again for what clears up behind it."""
    with agent:
        try:
            yield
        finally:
            agent.kill()
            for card in cards:
                card.repair()
            agent.start()


def run(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


def status(agent: AgentUnderTest, name: str) -> dict[str, Any]:
    return (agent.get("pod", name) or {}).get("status") or {}


def trouble(agent: AgentUnderTest) -> str:
    """What the node says of its state directory; "" where it says nothing."""
    conditions = (agent.get("node", "board", "") or {})["status"]["conditions"]
    return next((one["message"] for one in conditions if one["type"] == "StateUnwritable"), "")


def ready(agent: AgentUnderTest) -> str:
    conditions = (agent.get("node", "board", "") or {})["status"]["conditions"]
    return next(str(one["status"]) for one in conditions if one["type"] == "Ready")


def power_cut(agent: AgentUnderTest, pids: list[int]) -> None:
    """End the agent and all that its containers are, and let go of their mounts."""
    agent.kill()
    for pid in (*pids, *agent.engine_processes()):
        subprocess.run(("kill", "-9", str(pid)), check=False, capture_output=True)
    until(lambda: not agent.engine_processes(), what="monitors end")
    for point in mounts.mounted_below(str(agent.base)):
        if Path(point) not in {agent.base / "state", agent.base / "s"}:
            mounts.unmount(point)


def test_pods_go_on_and_the_node_says_that_nothing_new_is_kept(agent: AgentUnderTest, card: Card) -> None:
    with living(agent, card):
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
        until(
            lambda: status(agent, "first")["containerStatuses"][0]["restartCount"] == 1,
            what="it is started again",
        )
        agent.kill()
        card.repair()
        agent.start()
        assert trouble(agent) == ""
        until(lambda: status(agent, "first").get("phase") == "Running", what="it runs")
        agent.apply(pod("second"))
        until(lambda: status(agent, "second").get("phase") == "Running", what="new ones run again")


def test_an_agent_that_is_started_then_looks_after_what_runs_and_says_it(agent: AgentUnderTest, card: Card) -> None:
    with living(agent, card):
        agent.apply(pod("first"))
        until(lambda: status(agent, "first").get("phase") == "Running", what="it runs")
        runs = [one["Id"] for one in agent.containers()]
        card.fail()
        agent.kill()
        agent.start()
        until(lambda: "read-only" in trouble(agent), within_s=15, what="the node says it")
        until(lambda: status(agent, "first").get("phase") == "Running", what="it is seen")
        assert [one["Id"] for one in agent.containers()] == runs, "and was not touched"
        refused = agent.cli("delete", "pod", "first", check=False)
        assert refused.returncode != 0
        assert "read-only" in refused.stderr
        run("kill", "-9", *(str(one["Pid"]) for one in agent.containers() if one["Names"][0].endswith("main_0")))
        until(lambda: status(agent, "first")["containerStatuses"][0]["restartCount"] == 1, what="it is started again")
        agent.kill()
        card.repair()
        agent.start()
        assert trouble(agent) == ""
        agent.cli("delete", "pod", "first")
        until(lambda: agent.get("pod", "first") is None, what="it can be deleted again")
        assert not (agent.base / "run" / "state").exists()


def test_a_board_whose_only_card_ends_can_be_asked_and_comes_back_with_a_whole_one(
    agent: AgentUnderTest, card: Card, storage: Card
) -> None:
    with agent:
        agent.apply(pod("first"))
        until(lambda: status(agent, "first").get("phase") == "Running", what="it runs")
        pids = [int(one["Pid"]) for one in agent.containers()]
        card.fail()
        storage.fail()
        agent.kill()
        agent.start()
        until(lambda: "read-only" in trouble(agent), within_s=15, what="the node says it")
        until(lambda: ready(agent) == "False", what="no pod can be started")
        assert all(Path(f"/proc/{pid}").exists() for pid in pids), "what runs goes on"
        power_cut(agent, pids)
        card.repair()
        storage.repair()
        agent.start()
        assert trouble(agent) == ""
        until(lambda: ready(agent) == "True", what="the engine is back")
        until(lambda: status(agent, "first").get("phase") == "Running", within_s=60, what="it runs again")
