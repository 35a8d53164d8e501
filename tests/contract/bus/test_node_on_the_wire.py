"""The node's whole wire: mosquitto_pub to the SQLite store and back to a retained status. No engine."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from edgelet.adapters.host.clock import SystemClock
from edgelet.adapters.sqlite.store import SqliteStore
from edgelet.intake import refusal
from edgelet.intake.admit import House
from edgelet.intake.mqtt_source import Listeners, MqttSource
from edgelet.intake.reception import Reception
from edgelet.intake.successors import Successors
from edgelet.node.event_recorder import EventRecorder
from edgelet.node.reporter import Reporter, Rhythm
from edgelet.ports.object_store import Key
from tests import builders
from tests.contract.bus.conftest import ROOT, eventually, make_bus
from tests.fixtures.mosquitto import Mosquitto

pytestmark = pytest.mark.mosquitto

WEB = Key("Pod", "default", "web")
TOPIC = f"{ROOT}desired/pods/default/web"
STATUS = f"{ROOT}status/pods/default/web"


def pod(name: str = "web", *, image: str = "a:1", **spec: Any) -> bytes:
    full = {"containers": [{"name": "main", "image": image}], **spec}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": full}).encode()


class Board:
    """An agent without an engine: store, reception, bus, source, reporter."""

    def __init__(self, broker: Mosquitto, directory: Path) -> None:
        self.broker = broker
        self.clock = SystemClock()
        self.bus = make_bus(broker, chance=0.05)
        self.store = SqliteStore.open(
            directory / "state.db", clock=self.clock, max_objects=1000, max_total_bytes=16 * 1024 * 1024
        )
        self.successors = Successors(self.store, self.clock)
        self.reception = Reception(
            store=self.store,
            successors=self.successors,
            house=House(node_name="pi-01", policy=builders.policy()),
            max_object_bytes=131072,
            make_suffix=lambda: "abcde",
        )
        self.events = EventRecorder(clock=self.clock, host_name="pi-01")
        self.reporter = Reporter(
            self.bus,
            store=self.store,
            ledger=self.store.ledger,
            clock=self.clock,
            boot_id=f"{random.getrandbits(64):016x}",
            node_name="pi-01",
            node=lambda: {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "pi-01"}},
            describe=lambda error: refusal.answer(error)[1],
            events=self.events,
            rhythm=Rhythm(save_delay_s=0.1),
        )
        self.events.listen(self.reporter.event)
        self.source = MqttSource(
            self.bus,
            reception=self.reception,
            store=self.store,
            listeners=Listeners(
                refused=self.reporter.refused,
                accepted=self.reporter.accepted,
                forward=self.reporter.notice,
                events=self.events,
                node=Key("Node", "", "pi-01"),
            ),
            clock=self.clock,
        )
        runs = (self.bus.run(), self.successors.follow(), self.source.run(), self.reporter.run())
        self.tasks = [asyncio.create_task(run) for run in runs]

    async def stop(self, *, kill: bool = False) -> None:
        if not kill:
            await self.reporter.goodbye()
            await self.bus.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.store.close()

    async def status_of(self, name: str, **changes: Any) -> None:
        stored = self.store.get(Key("Pod", "default", name))
        assert stored is not None
        await self.store.put_status(stored.key, changes, uid=stored.uid, durable=False)

    async def retained(self, topic: str) -> dict[str, Any] | None:
        found = await asyncio.to_thread(self.broker.retained, topic)
        return json.loads(found[topic]) if found.get(topic) else None


@pytest.fixture
async def board(mosquitto: Mosquitto, tmp_path: Path) -> AsyncIterator[Board]:
    board = Board(mosquitto, tmp_path)
    yield board
    if not board.tasks[0].done():
        await board.stop()


async def test_an_object_from_mosquitto_pub_is_stored_and_told_back(mosquitto: Mosquitto, board: Board) -> None:
    mosquitto.publish(TOPIC, pod(), retain=True)
    stored = await eventually(lambda: board.store.get(WEB))
    await board.status_of("web", phase="Running", observedGeneration=1)
    await asyncio.sleep(0.1)
    body = await board.retained(STATUS)
    assert body is not None
    assert (body["status"]["phase"], body["appliedDigest"]) == ("Running", stored.digest)
    mosquitto.publish(TOPIC, b"", retain=True)
    await eventually(lambda: (now := board.store.get(WEB)) is not None and now.deleting)
    await board.store.remove(WEB)
    await asyncio.sleep(0.1)
    assert await board.retained(STATUS) is None


async def test_a_status_is_out_within_fifty_milliseconds(mosquitto: Mosquitto, board: Board) -> None:
    mosquitto.publish(TOPIC, pod(), retain=True)
    await eventually(lambda: board.store.get(WEB))
    await asyncio.sleep(0.2)
    latencies_s = []
    for number in range(3):
        count = board.reporter._desk._seq
        started_s = time.monotonic()
        await board.status_of("web", phase="Running", number=number)
        while board.reporter._desk._seq == count or board.reporter._outbox.size_bytes:
            await asyncio.sleep(0.0005)
        latencies_s.append(time.monotonic() - started_s)
    assert min(latencies_s) < 0.05, latencies_s


async def test_a_broken_object_is_answered_where_mosquitto_sub_sees_it(mosquitto: Mosquitto, board: Board) -> None:
    container = {"name": "main", "image": "a", "ports": [{"containerPort": 70000}]}
    bad = {
        "web": pod(containers=[container]),
        "yaml": b"a: [",
        "binary": bytes(range(256)),
        "wrong": json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": "x"}).encode(),
        "big": b"#" + b"x" * 1_000_000,
        "kind": b'{"apiVersion": "v1", "kind": "Widget", "metadata": {"name": "kind"}}',
        "..": pod(".."),
    }
    for name, payload in bad.items():
        mosquitto.publish(f"{ROOT}desired/pods/default/{name}", payload, retain=True)
    mosquitto.publish(f"{ROOT}desired/pods/default/good", pod("good"), retain=True)
    await eventually(lambda: board.store.get(Key("Pod", "default", "good")))
    await asyncio.sleep(0.3)
    codes = {}
    for name in bad:
        body = await board.retained(f"{ROOT}status/pods/default/{name}")
        assert body is not None, name
        assert body["error"]["kind"] == "Status"
        assert body["error"]["message"]
        codes[name] = body["error"]["code"]
    assert codes == {"web": 422, "yaml": 400, "binary": 400, "wrong": 422, "big": 413, "kind": 422, "..": 422}
    assert [stored.key.name for stored in board.store.list("Pod")] == ["good"]
    mosquitto.publish(f"{ROOT}desired/pods/default/yaml", b"", retain=True)
    await asyncio.sleep(0.3)
    assert await board.retained(f"{ROOT}status/pods/default/yaml") is None


async def test_a_reconnect_changes_nothing_and_a_wiped_broker_gets_everything_back(
    mosquitto: Mosquitto, board: Board
) -> None:
    mosquitto.publish(TOPIC, pod(), retain=True)
    stored = await eventually(lambda: board.store.get(WEB))
    await board.status_of("web", phase="Running")
    await asyncio.sleep(0.2)
    version = board.store.resource_version
    mosquitto.restart()
    await eventually(lambda: board.bus._connection >= 2 and board.bus.connected)
    await asyncio.sleep(0.3)
    assert board.store.resource_version == version
    mosquitto.kill()
    mosquitto.wipe()
    mosquitto.start()
    await eventually(lambda: board.bus._connection >= 3 and board.bus.connected)
    await asyncio.sleep(0.3)
    now = board.store.get(WEB)
    assert now is not None
    assert (now.uid, now.deleting) == (stored.uid, False)
    body = await board.retained(STATUS)
    assert body is not None
    assert body["status"] == {"phase": "Running"}
    assert (await board.retained(f"{ROOT}status/online") or {})["state"] == "online"


async def test_a_killed_agent_is_lost_and_the_next_one_clears_what_went_meanwhile(
    mosquitto: Mosquitto, board: Board, tmp_path: Path
) -> None:
    for name in ("web", "db"):
        mosquitto.publish(f"{ROOT}desired/pods/default/{name}", pod(name), retain=True)
    await eventually(lambda: len(board.store.list("Pod")) == 2)
    await asyncio.sleep(0.5)
    await board.stop(kill=True)
    store = SqliteStore.open(tmp_path / "state.db", clock=SystemClock(), max_objects=9, max_total_bytes=10**6)
    await store.remove(WEB)
    await store.close()
    mosquitto.publish(TOPIC, b"", retain=True)
    assert STATUS in mosquitto.retained(ROOT + "status/#")
    again = Board(mosquitto, tmp_path)
    await eventually(lambda: STATUS not in mosquitto.retained(ROOT + "status/#"))
    retained = mosquitto.retained(ROOT + "status/#")
    assert f"{ROOT}status/pods/default/db" in retained
    assert json.loads(retained[f"{ROOT}status/online"])["state"] == "online"
    await again.stop()
    assert json.loads(mosquitto.retained(f"{ROOT}status/online")[f"{ROOT}status/online"])["state"] == "offline"
