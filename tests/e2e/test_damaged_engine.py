"""Podman's database is damaged while pods run: it is replaced, told, and every pod runs again, each once."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fixtures import footprint
from tests.fixtures.agent import AgentUnderTest, until
from tests.fixtures.workload import pod

pytestmark = [pytest.mark.podman, pytest.mark.slow]

CHANCE = random.Random(5)  # noqa: S311  where to spoil


@pytest.fixture
def agent() -> Iterator[AgentUnderTest]:
    with AgentUnderTest(settings={"podman": {"idle_exit_s": 1}}) as agent:
        yield agent


def zero(database: Path) -> None:
    database.write_bytes(b"\0" * database.stat().st_size)


def garble(database: Path) -> None:
    data = bytearray(database.read_bytes())
    data[: len(data) // 2] = CHANCE.randbytes(len(data) // 2)
    database.write_bytes(data)


def cut(database: Path) -> None:
    os.truncate(database, database.stat().st_size // 2)


def phases(agent: AgentUnderTest, *names: str) -> set[str]:
    return {str(((agent.get("pod", name) or {}).get("status") or {}).get("phase")) for name in names}


def processes(agent: AgentUnderTest) -> list[str]:
    """Main processes of the workload, whoever knows of them."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if b"sleep 100000 & wait" in (entry / "cmdline").read_bytes() and owned(entry, agent):
                    found.append(entry.name)
            except OSError:
                continue
    return found


def owned(entry: Path, agent: AgentUnderTest) -> bool:
    """Whether a process's parent is a monitor of this agent's storage."""
    parent = (entry / "stat").read_text().rpartition(") ")[2].split()[1]
    return str(agent.base).encode() in Path("/proc", parent, "cmdline").read_bytes()


@pytest.mark.parametrize("running", [True, False], ids=["while-it-runs", "at-start"])
@pytest.mark.parametrize("spoil", [zero, garble, cut])
def test_every_pod_runs_again_once(agent: AgentUnderTest, spoil: Callable[[Path], None], running: bool) -> None:
    agent.apply(pod("one"), pod("two"))
    until(lambda: phases(agent, "one", "two") == {"Running"}, within_s=30, what="they run")
    known = footprint.names(agent)
    if not running:
        agent.kill()
    until(lambda: not any("service" in line for line in services(agent)), within_s=15, what="the engine rests")
    spoil(agent.base / "s" / "libpod" / "bolt_state.db")
    if not running:
        agent.start()
    agent.apply(pod("three"))
    until(lambda: "EngineRepaired" in agent.cli("get", "events", "-A").stdout, within_s=60, what="it is told")
    until(lambda: phases(agent, "one", "two", "three") == {"Running"}, within_s=90, what="all run again")
    until(lambda: len(agent.containers()) == 3 and len(processes(agent)) == 3, within_s=30, what="each once")
    until(lambda: not left(agent, known), within_s=15, what=f"nothing stays of those before: {left(agent, known)}")
    assert len(footprint.take(agent).interfaces) == 3


def left(agent: AgentUnderTest, known: footprint.Names) -> list[str]:
    """Return control groups, mounts and rules that name what there was before."""
    seen = footprint.take(agent, known)
    lines = (*seen.cgroups, *seen.mounts, *seen.processes)
    return [line for line in lines if any(one in line for one in known.ids)]


def services(agent: AgentUnderTest) -> list[str]:
    found = []
    for pid in agent.engine_processes():
        try:
            found.append(Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found
