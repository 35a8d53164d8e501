"""A board to measure: a broker, an agent with storage of its own, and both ways to it."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.far_side import FarSide
from bench.local_api import LocalApi
from bench.meter import Meter
from bench.pods import Document, running
from tests.fixtures.agent import AgentUnderTest
from tests.fixtures.mosquitto import Mosquitto

Settings = dict[str, dict[str, Any]]

# The engine's process goes after a second instead of five: each act pays for its start, as on a board at rest, and a
# round need not wait. Everything else is as shipped.
_SETTINGS: Settings = {"podman": {"idle_exit_s": 1}, "workload": {"max_pods": 200}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What a scenario works with."""

    meter: Meter
    agent: AgentUnderTest
    broker: Mosquitto
    far: FarSide
    api: LocalApi

    def start(self) -> None:
        """Start the agent, on the board's account."""
        self.agent.start(wait=False)
        self.meter.take(self.agent.pid)

    def wait_ready(self) -> float:
        """Return the monotonic time when the agent says that it is ready."""
        end_s = time.monotonic() + 60
        while not self.api.ready():
            assert self.agent.alive, self.agent.log_tail()
            assert time.monotonic() < end_s, self.agent.log_tail()
            time.sleep(0.005)
        return time.monotonic()

    def run_all(self, pods: Sequence[Document]) -> float:
        """Create pods by the local API, all at once; returns when the last one runs."""
        waiting = {one["metadata"]["name"] for one in pods}
        for one in pods:
            self.api.create(one)
        end_s = time.monotonic() + 60 + 5 * len(pods)
        while waiting:
            assert time.monotonic() < end_s, f"{sorted(waiting)} do not run\n{self.agent.log_tail()}"
            time.sleep(0.1)
            waiting -= {one["metadata"]["name"] for one in self.api.pods() if running(one)}
        return time.monotonic()


@contextlib.contextmanager
def site(meter: Meter, *, sandbox: str) -> Iterator[Site]:
    """Set a board up, with the test image loaded; take it down wholly. `sandbox` is [network] sandbox."""
    directory = Path(tempfile.mkdtemp(prefix="el-b-", dir="/tmp"))
    try:
        with Mosquitto(directory) as broker, FarSide(broker) as far:
            agent = AgentUnderTest(broker_url=broker.url, settings={**_SETTINGS, "network": {"sandbox": sandbox}})
            agent.environment["PYTHONOPTIMIZE"] = "2"  # as the unit has it
            board = Site(meter=meter, agent=agent, broker=broker, far=far, api=LocalApi(agent.socket))
            try:
                board.start()
                board.wait_ready()
                agent.load_testbox()
                yield board
            finally:
                agent.close()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
