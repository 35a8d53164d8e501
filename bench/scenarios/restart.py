"""kill -9 of a container's main process: how soon the next one runs, and how soon somebody far away knows."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

from inotify_simple import INotify, flags

from bench.figures import Figure, Target
from bench.meter import Meter
from bench.pods import Document, telltale
from bench.rounds import Rounds
from bench.site import Site, site

_TIMEOUT_MS = 60_000


def run(meter: Meter, rounds: Rounds) -> list[Figure]:
    """Kill each pod once: the second time would wait for its back-off, as it should."""
    marks = Path(tempfile.mkdtemp(prefix="el-m-", dir="/tmp"))
    try:
        with site(meter, sandbox=rounds.sandbox) as board:
            names = [f"p{number}" for number in range(rounds.restarts + 1)]
            board.run_all([telltale(name, str(marks)) for name in names])
            meter.settle()
            seen = [_kill(board, name, marks) for name in names][1:]  # the first warms up
    finally:
        shutil.rmtree(marks)
    return [
        Figure(
            name="kill -9 of a container -> its successor runs",
            unit="ms",
            samples=tuple(restarted for restarted, _ in seen),
            target=Target(at_most=200),
        ),
        Figure(
            name="kill -9 of a container -> status on MQTT",
            unit="ms",
            samples=tuple(told for _, told in seen),
            target=Target(at_most=50),
        ),
    ]


def _kill(board: Site, name: str, marks: Path) -> tuple[float, float]:
    """Return milliseconds until the successor wrote its mark, and until a message told of the end."""
    pid = int(board.agent.podman("inspect", "--format", "{{.State.Pid}}", _container_id(board, name)))
    board.meter.settle()
    with INotify() as watch:
        watch.add_watch(str(marks), flags.MODIFY)
        killed_s = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        assert watch.read(timeout=_TIMEOUT_MS), f"{name} was not started again"
        restarted_s = time.monotonic()
    told_s = board.far.when(name, _tells_of_an_end, after_s=killed_s)
    board.meter.settle()
    return (restarted_s - killed_s) * 1000, (told_s - killed_s) * 1000


def _container_id(board: Site, name: str) -> str:
    pod = next(one for one in board.api.pods() if one["metadata"]["name"] == name)
    return str(pod["status"]["containerStatuses"][0]["containerID"]).rpartition("/")[2]


def _tells_of_an_end(document: Document | None) -> bool:
    statuses = ((document or {}).get("status") or {}).get("containerStatuses") or [{}]
    return "running" not in statuses[0].get("state", {}) or statuses[0].get("restartCount", 0) > 0
