from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from edgelet.api.errors import ConflictError, EdgeletError, InvalidObjectError, StorageError
from edgelet.intake.mqtt_source import Bounds, Listeners, MqttSource
from edgelet.ports.bus import BusEvent, Connected, Message, Synced
from edgelet.ports.object_store import Key
from tests.fakes.bus import FakeBus
from tests.fakes.events import FakeEvents
from tests.fakes.object_store import FakeObjectStore
from tests.fakes.reception import FakeReception

WEB = Key("Pod", "default", "web")
TOPIC = "desired/pods/default/web"


class FastClock:
    """Sleeps a thousand times faster."""

    def __init__(self) -> None:
        self.slept_s: list[float] = []
        self.goes = asyncio.Event()  # cleared: whoever sleeps sleeps on
        self.goes.set()

    def now(self) -> Any:
        raise NotImplementedError

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time() * 1000

    async def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        await asyncio.sleep(seconds / 1000)
        await self.goes.wait()


class Station:
    """A source with fakes all around it."""

    def __init__(self, bounds: Bounds | None = None, *, max_objects: int = 1000) -> None:
        self.bus = FakeBus()
        self.store = FakeObjectStore(max_objects=max_objects)
        self.reception = FakeReception(self.store)
        self.events = FakeEvents()
        self.clock = FastClock()
        self.refused: dict[str, EdgeletError] = {}
        self.refusals = 0
        self.forwarded: list[BusEvent] = []
        self.takes_commands = False
        self.source = MqttSource(
            self.bus,
            reception=self.reception,
            store=self.store,
            listeners=Listeners(
                refused=self._refuse,
                accepted=self._accept,
                forward=self._forward,
                events=self.events,
                node=Key("Node", "", "pi-01"),
            ),
            clock=self.clock,
            bounds=bounds,
        )

    def _refuse(self, topic: str, error: EdgeletError) -> None:
        self.refusals += 1
        self.refused[topic] = error

    def _accept(self, topic: str) -> None:
        self.refused.pop(topic, None)

    def _forward(self, event: BusEvent) -> bool:
        self.forwarded.append(event)
        return not isinstance(event, Message) or self.takes_commands

    async def until(self, acknowledged: int) -> None:
        for _ in range(20_000):
            if len(self.bus.acknowledged) >= acknowledged:
                return
            await asyncio.sleep(0)
        raise TimeoutError(f"{len(self.bus.acknowledged)} acknowledged")


@pytest.fixture
async def station() -> AsyncIterator[Station]:
    station = Station()
    async for _ in running(station):
        yield station


async def running(station: Station) -> AsyncIterator[None]:
    station.bus.connect()
    task = asyncio.create_task(station.source.run())
    await asyncio.sleep(0)
    yield
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def pod(name: str = "web", image: str = "a:1", **metadata: Any) -> bytes:
    spec = {"containers": [{"name": "main", "image": image}]}
    return json.dumps(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, **metadata}, "spec": spec}
    ).encode()


def image_of(station: Station, key: Key = WEB) -> str:
    stored = station.store.get(key)
    assert stored is not None
    image: str = stored.document["spec"]["containers"][0]["image"]
    return image


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_an_object_is_stored_and_then_acknowledged(station: Station) -> None:
    station.reception.gate.clear()
    station.bus.send(TOPIC, pod())
    await settle()
    assert station.bus.acknowledged == []
    station.reception.gate.set()
    await station.until(acknowledged=1)
    stored = station.store.get(WEB)
    assert stored is not None
    assert stored.source == "mqtt"
    assert station.refused == {}


async def test_an_unchanged_object_is_acknowledged_without_any_work(station: Station) -> None:
    station.bus.send(TOPIC, pod())
    await station.until(acknowledged=1)
    version, writes = station.store.resource_version, station.store.writes
    station.bus.drop()
    station.bus.connect()
    await station.until(acknowledged=2)
    assert (station.store.resource_version, station.store.writes) == (version, writes)
    assert station.reception.read_count == 1


async def test_a_burst_of_one_object_becomes_its_newest_version_and_all_are_acknowledged(station: Station) -> None:
    station.reception.gate.clear()
    for number in range(15):
        station.bus.send(TOPIC, pod(image=f"a:{number}"))
        await asyncio.sleep(0)
    await settle()
    station.reception.gate.set()
    await station.until(acknowledged=15)
    assert image_of(station) == "a:14"
    assert len(station.reception.applied) <= 2


async def test_the_barrier_is_handed_on_after_everything_before_it_is_stored() -> None:
    station = Station()
    for name in ("web", "db"):
        station.bus.retained[f"desired/pods/default/{name}"] = pod(name)
    station.reception.gate.clear()
    async for _ in running(station):
        await settle()
        assert not any(isinstance(event, Synced) for event in station.forwarded)
        station.reception.gate.set()
        await station.until(acknowledged=2)
        await settle()
        assert sum(isinstance(event, Synced) for event in station.forwarded) == 1


async def test_different_objects_are_committed_together(station: Station) -> None:
    station.reception.gate.clear()
    for number in range(10):
        station.bus.send(f"desired/pods/default/p{number}", pod(f"p{number}"))
    await settle()
    assert station.reception.most_at_once == 10
    station.reception.gate.set()
    await station.until(acknowledged=10)


async def test_an_empty_payload_deletes_and_absence_does_not(station: Station) -> None:
    station.bus.send(TOPIC, pod())
    await station.until(acknowledged=1)
    station.bus.drop()
    station.bus.wipe()
    station.bus.connect()
    await settle()
    stored = station.store.get(WEB)
    assert stored is not None
    assert not stored.deleting
    station.bus.send(TOPIC, b"")
    await station.until(acknowledged=2)
    stored = station.store.get(WEB)
    assert stored is not None
    assert stored.deleting


async def test_deleting_what_is_not_there_is_fine(station: Station) -> None:
    station.bus.send(TOPIC, b"")
    await station.until(acknowledged=1)
    assert station.refused == {}


async def test_deleting_what_another_source_owns_deletes_nothing_and_says_so(station: Station) -> None:
    await station.store.put(WEB, json.loads(pod()), source="api")
    station.bus.send(TOPIC, b"")
    await station.until(acknowledged=1)
    stored = station.store.get(WEB)
    assert stored is not None
    assert not stored.deleting
    assert station.events.reasons() == ["FailedDelete"]


async def test_the_same_payload_for_a_dying_object_is_not_taken_for_known(station: Station) -> None:
    station.bus.send(TOPIC, pod())
    await station.until(acknowledged=1)
    station.bus.send(TOPIC, b"")
    await station.until(acknowledged=2)
    station.bus.send(TOPIC, pod())
    await station.until(acknowledged=3)
    assert len(station.reception.applied) == 2


async def test_an_object_that_came_to_be_at_the_same_moment_is_looked_at_again(station: Station) -> None:
    station.reception.fail_once = ConflictError("exists", reason="AlreadyExists")
    station.bus.send(TOPIC, pod())
    await station.until(acknowledged=1)
    assert station.refused == {}
    assert station.store.get(WEB) is not None


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        (TOPIC, b"\x00\xff\xfe", "BadRequest"),
        (TOPIC, b"{", "BadRequest"),
        (TOPIC, pod("other"), "Invalid"),
        (TOPIC, pod(namespace="other"), "Invalid"),
        (TOPIC, pod() + b"\n---\n" + pod("two"), "Invalid"),
        (TOPIC, b'"' + b"x" * 131072 + b'"', "RequestEntityTooLarge"),
        ("desired/pods/default/..", pod(".."), "Invalid"),
        ("desired/widgets/default/web", pod(), "NotFound"),
        ("desired/index", b"{}", "MethodNotAllowed"),
        ("desired/deployments/default/web", b"{}", "MethodNotAllowed"),
    ],
)
async def test_a_bad_message_is_refused_aloud_and_blocks_nothing(
    station: Station, topic: str, payload: bytes, reason: str
) -> None:
    station.bus.send(topic, payload)
    station.bus.send("desired/pods/default/good", pod("good"))
    await station.until(acknowledged=2)
    assert station.refused[topic].reason == reason
    assert station.events.reasons() == ["Refused"]
    assert station.store.get(Key("Pod", "default", "good")) is not None
    assert station.store.get(WEB) is None
    station.bus.send(topic, b"")
    await station.until(acknowledged=3)
    assert station.refused == {}


async def test_what_the_reception_refuses_keeps_the_version_before_and_is_forgiven_later(station: Station) -> None:
    station.bus.send(TOPIC, pod())
    await station.until(acknowledged=1)
    station.reception.refuse["web"] = InvalidObjectError("Pod", "web", ())
    station.bus.send(TOPIC, pod(image="a:2"))
    await station.until(acknowledged=2)
    assert station.refused[TOPIC].reason == "Invalid"
    assert image_of(station) == "a:1"
    station.bus.send(TOPIC, pod())
    await station.until(acknowledged=3)
    assert station.refused == {}


async def test_a_fault_of_our_own_is_refused_too(station: Station, caplog: pytest.LogCaptureFixture) -> None:
    station.reception.refuse["web"] = RecursionError("too deep")
    station.bus.send(TOPIC, pod())
    await station.until(acknowledged=1)
    assert station.refused[TOPIC].reason == "InternalError"
    assert "too deep" in caplog.text


async def test_an_error_of_the_disk_is_not_acknowledged_and_tried_again(station: Station) -> None:
    station.store.fail_with = StorageError("disk full")
    station.clock.goes.clear()
    station.bus.send(TOPIC, pod())
    await settle()
    assert station.bus.acknowledged == []
    assert station.refused[TOPIC].reason == "InsufficientStorage"
    station.clock.goes.set()
    await station.until(acknowledged=1)
    assert station.clock.slept_s == [1.0]
    assert station.refused == {}
    assert station.store.get(WEB) is not None


async def test_warnings_become_events(station: Station) -> None:
    station.reception.warn = ('unknown field "spec.foo"',)
    station.bus.send(TOPIC, pod())
    await station.until(acknowledged=1)
    (event,) = station.events.recorded
    assert (event.regarding, event.type, event.message) == (WEB, "Warning", 'unknown field "spec.foo"')


async def test_all_but_desired_state_is_handed_on_and_what_nobody_takes_is_refused(station: Station) -> None:
    station.bus.send("cmd/exec/1", b"{}", retain=False)
    await station.until(acknowledged=1)
    assert station.refused["cmd/exec/1"].reason == "MethodNotAllowed"
    station.takes_commands = True
    station.bus.send("cmd/exec/2", b"{}", retain=False)
    await settle()
    assert len(station.bus.acknowledged) == 1
    assert isinstance(station.forwarded[0], Connected)
    last = station.forwarded[-1]
    assert isinstance(last, Message)
    assert last.topic == "cmd/exec/2"


async def test_ten_thousand_objects_are_each_answered_and_little_is_held_at_once() -> None:
    station = Station(Bounds(held_messages=16), max_objects=100)
    station.bus.connect()
    for number in range(10_000):
        station.bus.send(f"desired/pods/default/p{number}", pod(f"p{number}"), retain=False)
    station.bus.drop()
    async for _ in running(station):
        async with asyncio.timeout(60):
            while len(station.bus.acknowledged) < 10_000:
                await asyncio.sleep(0)
                assert sum(box.count for box in station.source._boxes.values()) <= 16
    assert len(station.store.list("Pod")) == 100
    assert len(station.refused) == 9900
    assert {error.reason for error in station.refused.values()} == {"RequestEntityTooLarge"}
    assert station.source._boxes == {}


# ---- Secrets that the broker can read


def _secret(kind: str = "Secret") -> bytes:
    version = "v1" if kind == "Secret" else "edgelet/v1"
    return json.dumps({"apiVersion": version, "kind": kind, "metadata": {"name": "db"}}).encode()


@pytest.mark.parametrize(
    ("policy", "kind", "refused", "warned"),
    [
        ("taken", "Secret", False, False),
        ("warned", "Secret", False, True),
        ("refused", "Secret", True, False),
        ("warned", "SealedSecret", False, False),
        ("refused", "SealedSecret", False, False),
    ],
)
async def test_a_plain_secret_is_taken_warned_about_or_refused_and_a_sealed_one_is_taken(
    policy: Any, kind: str, *, refused: bool, warned: bool
) -> None:
    station = Station(Bounds(plain_secrets=policy))
    async for _ in running(station):
        station.bus.send("desired/secrets/default/db", _secret(kind))
        await station.until(acknowledged=1)
        assert bool(station.refused) == refused
        if refused:
            (error,) = station.refused.values()
            assert (error.reason, "not sealed for this node" in error.message) == ("Forbidden", True)
        assert ("ApplyWarning" in {one.reason for one in station.events.recorded}) == warned
