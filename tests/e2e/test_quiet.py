"""What a board writes and wakes for."""

from __future__ import annotations

import http.client
import json
import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.agent import AgentUnderTest, until
from tests.fixtures.workload import pod
from tests.soak import samples

pytestmark = [pytest.mark.podman, pytest.mark.slow]

MIB = 1024 * 1024


class _Local(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=20)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


def node_metrics(agent: AgentUnderTest) -> dict[str, Any]:
    connection = _Local(agent.socket)
    try:
        connection.request("GET", f"/apis/metrics.k8s.io/v1beta1/nodes/{agent.name}")
        found: dict[str, Any] = json.loads(connection.getresponse().read())
        return found
    finally:
        connection.close()


def flash_condition(agent: AgentUnderTest) -> dict[str, Any]:
    node = agent.get("nodes", agent.name)
    assert node is not None
    found: dict[str, Any] = next(one for one in node["status"]["conditions"] if one["type"] == "FlashWritePressure")
    return found


def running(agent: AgentUnderTest) -> int:
    return sum(one["State"] == "running" for one in agent.containers())


def engine_ended(agent: AgentUnderTest) -> bool:
    return not any((Path(f"/proc/{pid}/comm").read_text().strip() == "podman") for pid in agent.engine_processes())


def wake_ups(pid: int) -> int:
    found = 0
    for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
        text = Path(f"/proc/{pid}/task/{task}/status").read_text()
        found += int(text.partition("voluntary_ctxt_switches:")[2].split()[0])
    return found


def test_a_board_that_writes_more_than_its_budget_says_so() -> None:
    settings = {"flash": {"write_budget_mb_per_day": 2}, "disk": {"look_s": 1}, "podman": {"idle_exit_s": 1}}
    with AgentUnderTest(settings=settings) as agent:
        assert flash_condition(agent)["status"] == "False"
        agent.apply(*(pod(f"p{number}") for number in range(4)))
        until(lambda: running(agent) == 4, within_s=40, what="four pods run")
        until(lambda: flash_condition(agent)["status"] == "True", what="the condition")
        assert "2 MB to flash in 24 hours" in flash_condition(agent)["message"]
        events = json.loads(agent.cli("get", "events", "-o", "json").stdout)["items"]
        assert [one["type"] for one in events if one["reason"] == "FlashWritePressure"] == ["Warning"]
        written = node_metrics(agent)["usage"]["edgelet/flash-writes-24h"]
        assert written.endswith(("Ki", "Mi"))


def test_a_board_at_rest_writes_nothing_keeps_no_engine_and_hardly_wakes() -> None:
    with AgentUnderTest(settings={"podman": {"idle_exit_s": 1}}) as agent:
        agent.apply(*(pod(f"p{number}") for number in range(3)))
        until(lambda: running(agent) == 3, within_s=40, what="three pods run")
        until(lambda: engine_ended(agent), within_s=40, what="the engine ends")
        time.sleep(5)  # the list of published topics, the last statuses
        before, woken, began_s = samples.take(agent.pid, agent.base, began_s=0), wake_ups(agent.pid), time.monotonic()
        time.sleep(20)
        after = samples.take(agent.pid, agent.base, began_s=0)
        over_s = time.monotonic() - began_s
        assert after.written_kib == before.written_kib
        assert (after.cpu_s - before.cpu_s) / over_s < 0.003
        assert wake_ups(agent.pid) - woken < 40
        assert engine_ended(agent)
        assert (after.fds, after.threads) == (before.fds, before.threads)
