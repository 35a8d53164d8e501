"""A container that writes much neither fills the disk nor loses a line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fixtures.agent import AgentUnderTest, until
from tests.fixtures.workload import container, pod

pytestmark = [pytest.mark.podman, pytest.mark.slow]

LINES = 3000
SCRIPT = f"i=0; while [ $i -lt {LINES} ]; do i=$((i+1)); echo line $i of a log; [ $((i%250)) = 0 ] && sleep 1; done"


@pytest.fixture
def agent() -> Iterator[AgentUnderTest]:
    settings = {"disk": {"container_log_max_size": "16Ki", "container_log_max_files": 20, "look_s": 1}}
    with AgentUnderTest(settings=settings) as agent:
        yield agent


def test_three_thousand_lines_survive_many_cuts_and_are_read_as_one(agent: AgentUnderTest) -> None:
    agent.apply(pod("talker", container(script=f"{SCRIPT}; sleep 1000")))
    last = f"line {LINES} of a log"
    until(lambda: agent.cli("logs", "talker", "--tail", "1", check=False).stdout.strip() == last, within_s=60)
    parts = list((agent.base / "logs").glob("default_talker_*/main/0.log.*"))
    assert len(parts) >= 3, "it was cut several times"
    assert agent.cli("logs", "talker").stdout.splitlines() == [f"line {n} of a log" for n in range(1, LINES + 1)]
    status = (agent.get("pod", "talker") or {})["status"]["containerStatuses"][0]
    assert status["restartCount"] == 0
