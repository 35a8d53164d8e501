"""A board at rest does nothing: no engine, no write, no message; and work leaves nothing behind in the agent."""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from pathlib import Path

import pytest

from tests.fixtures.agent import until
from tests.fixtures.mqtt_clients import Listener
from tests.fixtures.site import Site
from tests.fixtures.workload import container, pod

pytestmark = [pytest.mark.podman, pytest.mark.mosquitto, pytest.mark.slow]

REST_S = 20.0
BEFORE_S = 8.0  # the lists and statuses of the last change are on disk by then
ROUNDS = 3
AT_ONCE = 10
CPU_SHARE = 0.01
THREADS = (os.cpu_count() or 1) + 4 + 4  # Python's own pool; besides: main, database, link


def written(pid: int) -> dict[str, int]:
    """Return what the kernel counted of write calls; sends to sockets are not among them."""
    lines = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    return {name: int(lines[name]) for name in ("wchar", "syscw", "write_bytes")}


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def engine(site: Site) -> list[int]:
    """Return the engine's processes; the monitors of running containers are none."""
    found = []
    for pid in site.agent.engine_processes():
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/comm").read_text() != "conmon\n":
                found.append(pid)
    return found


def held(pid: int) -> tuple[int, list[str]]:
    """Return threads, and what the open files are."""
    names = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            names.append(re.sub(r"(socket|pipe):.*", r"\1", str(entry.readlink())))
        except FileNotFoundError:
            continue
    return len(list(Path(f"/proc/{pid}/task").iterdir())), sorted(names)


def test_board_at_rest_does_nothing(site: Site) -> None:
    names = ["one", "two", "three"]
    for name in names:
        site.want(pod(name, container("a"), container("b")), name)
    for name in names:
        site.ready(name)
    at_rest(site)
    time.sleep(BEFORE_S)

    pid, log = site.agent.pid, site.agent.log_path.read_bytes()
    services: set[int] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.1):
            services.update(engine(site))

    watcher = threading.Thread(target=look)
    with Listener(site.broker, f"{site.root}#") as listener:
        time.sleep(1)
        retained = len(listener.all)
        before, used_s = written(pid), cpu_s(pid)
        watcher.start()
        time.sleep(REST_S)
        after, used_s = written(pid), cpu_s(pid) - used_s
        over.set()
        watcher.join()
        assert listener.all[retained:] == []
    assert after == before
    assert services == set()
    assert site.agent.log_path.read_bytes() == log
    assert used_s < CPU_SHARE * REST_S
    for name in names:
        site.unwant(name)
    site.gone(*names)


def test_thirty_pods_that_came_and_went_leave_nothing_in_the_agent(site: Site) -> None:
    def round_(number: int) -> None:
        names = [f"pod-{number}-{one}" for one in range(AT_ONCE)]
        for name in names:
            site.want(pod(name, terminationGracePeriodSeconds=1), name)
        for name in names:
            site.ready(name, within_s=90)
        for name in names:
            site.unwant(name)
        site.gone(*names, within_s=90)

    round_(0)
    at_rest(site)
    _, files = held(site.agent.pid)
    for number in range(1, ROUNDS + 1):
        round_(number)
    at_rest(site)
    threads, files_now = held(site.agent.pid)
    assert files_now == files
    assert threads <= THREADS  # of the pool: it grows to its bound and stays there
    assert site.agent.containers() == []


def at_rest(site: Site) -> None:
    until(lambda: not engine(site), within_s=15, what="the engine goes")
    time.sleep(0.5)
