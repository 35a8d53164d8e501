"""The state database is cut, zeroed, garbled or deleted while pods run: they go on, as the same containers."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fixtures.agent import AgentUnderTest, until
from tests.fixtures.mosquitto import Mosquitto
from tests.fixtures.mqtt_clients import publish
from tests.fixtures.workload import container, pod

pytestmark = [pytest.mark.podman, pytest.mark.mosquitto, pytest.mark.slow]

CHANCE = random.Random(3)  # noqa: S311  where to spoil
NAMES = ("one", "two", "three")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture(scope="module")
def agent(broker: Mosquitto) -> Iterator[AgentUnderTest]:
    with AgentUnderTest(broker_url=broker.url) as agent:
        for name in NAMES:
            publish(
                broker,
                f"edgelet/v1/default/board/desired/pods/default/{name}",
                pod(name, container("a"), container("b")),
            )
        until(lambda: phases(agent) == dict.fromkeys(NAMES, "Running"), within_s=60)
        yield agent


def phases(agent: AgentUnderTest) -> dict[str, str]:
    found = {name: agent.get("pod", name) for name in NAMES}
    return {name: (one or {}).get("status", {}).get("phase", "") for name, one in found.items()}


def ids(agent: AgentUnderTest) -> set[str]:
    return {one["Id"] for one in agent.containers() if one["State"] == "running"}


def cut(database: Path) -> None:
    os.truncate(database, CHANCE.randrange(database.stat().st_size))


def zero(database: Path) -> None:
    database.write_bytes(b"\0" * database.stat().st_size)


def garble(database: Path) -> None:
    data = bytearray(database.read_bytes())
    for _ in range(20):
        at = CHANCE.randrange(len(data) - 64)
        data[at : at + 64] = CHANCE.randbytes(64)
    data[:16] = CHANCE.randbytes(16)
    database.write_bytes(data)


def delete(database: Path) -> None:
    database.unlink()
    database.with_name(database.name + "-wal").unlink(missing_ok=True)


@pytest.mark.parametrize("with_copy", [True, False], ids=["copy", "no-copy"])
@pytest.mark.parametrize("spoil", [cut, zero, garble, delete])
def test_running_pods_go_on_as_they_are(agent: AgentUnderTest, spoil: Callable[[Path], None], with_copy: bool) -> None:
    before = ids(agent)
    assert len(before) == 2 * len(NAMES)
    agent.stop()  # the log is folded in: what is spoilt is all there is
    database = agent.base / "state" / "edgelet.db"
    if not with_copy:
        database.with_name("edgelet.db.good").unlink()
    spoil(database)
    agent.start()
    until(lambda: phases(agent) == dict.fromkeys(NAMES, "Running"), within_s=30, what="all are known again")
    assert ids(agent) == before, agent.log_tail()
    events = agent.cli("get", "events", "-A").stdout
    assert ("StoreRestored" in events) == with_copy
    agent.stop()  # in order: the next one has a good copy
    agent.start()
    until(lambda: phases(agent) == dict.fromkeys(NAMES, "Running"), within_s=30)
    assert ids(agent) == before
