from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from edgelet.api.errors import EdgeletError, InvalidObjectError, StorageError
from edgelet.node.reporter import Reporter, Rhythm
from edgelet.ports.bus import Message
from edgelet.ports.object_store import Key
from tests.fakes import virtual_time
from tests.fakes.bus import FakeBus
from tests.fakes.events import FakeEvents
from tests.fakes.object_store import FakeLedger, FakeObjectStore

WEB = Key("Pod", "default", "web")
TOPIC = "status/pods/default/web"


def describe(error: EdgeletError) -> dict[str, Any]:
    code = {"Invalid": 422, "Forbidden": 403, "MethodNotAllowed": 405, "RequestEntityTooLarge": 413}[error.reason]
    return {"kind": "Status", "status": "Failure", "reason": error.reason, "message": error.message, "code": code}


class Desk:
    """A reporter with fakes all around it; `agent` starts a new one on the same store and ledger."""

    def __init__(self) -> None:
        self.bus = FakeBus()
        self.store = FakeObjectStore()
        self.ledger = FakeLedger()
        self.events = FakeEvents()
        self.heartbeat = 0
        self.ready = "True"
        self.starts = 0
        self.reporter: Reporter
        self._tasks: list[asyncio.Task[None]] = []

    def node(self) -> dict[str, Any]:
        self.heartbeat += 1
        condition = {"type": "Ready", "status": self.ready, "lastHeartbeatTime": str(self.heartbeat)}
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": "pi-01"},
            "status": {"conditions": [condition]},
        }

    async def agent(self, *, unsure: bool = False) -> None:
        self.starts += 1
        self.reporter = Reporter(
            self.bus,
            store=self.store,
            ledger=self.ledger,
            clock=virtual_time.VirtualClock(),
            boot_id=f"boot-{self.starts}",
            node_name="pi-01",
            node=self.node,
            describe=describe,
            events=self.events,
            rhythm=Rhythm(),
            unsure=unsure,
        )
        self._tasks.append(asyncio.create_task(self.reporter.run()))
        self._tasks.append(asyncio.create_task(self._feed()))
        await asyncio.sleep(0.01)

    async def _feed(self) -> None:
        async for event in self.bus.events():
            if not self.reporter.notice(event) and isinstance(event, Message):
                self.reporter.refused(event.topic, InvalidObjectError("Pod", "bad", ()))
                self.bus.acknowledge(event)

    async def kill(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def connect(self) -> None:
        self.bus.connect()
        await asyncio.sleep(0.01)

    async def make(self, name: str = "web", **status: Any) -> Key:
        key = Key("Pod", "default", name)
        document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": []}}
        stored = await self.store.put(key, document, source="mqtt", digest="d1")
        if status:
            await self.store.put_status(key, status, uid=stored.uid, durable=False)
        return key

    async def status(self, **status: Any) -> None:
        stored = self.store.get(WEB)
        assert stored is not None
        await self.store.put_status(WEB, status, uid=stored.uid, durable=False)
        await asyncio.sleep(0.01)

    def told(self, topic: str = TOPIC) -> list[dict[str, Any]]:
        return [json.loads(one.payload) if one.payload else {} for one in self.bus.published if one.topic == topic]

    def phases(self) -> list[str]:
        return [body.get("status", {}).get("phase", "") for body in self.told()]


def scenario(test: Callable[[Desk], Awaitable[None]]) -> Callable[[], None]:
    """Run a test in virtual time, with one agent started and connected."""

    def run() -> None:
        async def whole() -> None:
            desk = Desk()
            await desk.agent()
            await desk.connect()
            await test(desk)
            await desk.kill()

        virtual_time.run(whole())

    run.__name__ = test.__name__
    return run


@scenario
async def test_birth_is_said_first_then_the_node(desk: Desk) -> None:
    first, second = desk.bus.published
    assert (first.topic, first.retain, first.qos) == ("status/online", True, 1)
    birth = json.loads(first.payload)
    assert birth.pop("since").endswith("Z")
    assert birth == {"state": "online", "bootID": "boot-1", "connection": 1}
    assert second.topic == "status/node"
    assert json.loads(second.payload)["bootID"] == "boot-1"


@scenario
async def test_the_will_says_lost_with_the_number_of_its_connection(desk: Desk) -> None:
    desk.bus.drop()
    await desk.connect()
    bodies = [json.loads(will.payload) for will in desk.bus.wills]
    assert [(body["state"], body["connection"], body["bootID"]) for body in bodies] == [
        ("lost", 1, "boot-1"),
        ("lost", 2, "boot-1"),
    ]
    assert {(will.topic, will.delay_s) for will in desk.bus.wills} == {("status/online", 10)}
    assert [body["connection"] for body in desk.told("status/online")] == [1, 2]


@scenario
async def test_a_change_is_told_at_once_and_an_equal_status_never(desk: Desk) -> None:
    await desk.make(phase="Pending")
    await asyncio.sleep(0.01)
    await desk.status(phase="Running")
    await desk.status(phase="Running")
    assert desk.phases()[-1] == "Running"
    count = len(desk.bus.published)
    await asyncio.sleep(200)
    assert len(desk.bus.published) == count
    sequence = [body["seq"] for body in desk.told()]
    assert sequence == sorted(set(sequence))


@scenario
async def test_a_status_carries_metadata_digest_and_no_spec(desk: Desk) -> None:
    await desk.make(phase="Running", observedGeneration=1)
    await asyncio.sleep(0.01)
    body = desk.told()[-1]
    assert body["appliedDigest"] == "d1"
    assert body["observedGeneration"] == 1
    assert body["metadata"]["name"] == "web"
    assert body["metadata"]["uid"]
    assert "spec" not in body
    assert all(one.retain for one in desk.bus.published if one.topic == TOPIC)


@scenario
async def test_a_pod_that_flaps_is_told_of_once_a_second_after_the_first_few(desk: Desk) -> None:
    await desk.make(phase="Pending")
    for number in range(100):
        await desk.status(restarts=number)
        await asyncio.sleep(0.09)
    assert len(desk.told()) <= 4 + 11
    await asyncio.sleep(2)
    assert desk.told()[-1]["status"] == {"restarts": 99}


@scenario
async def test_the_end_of_a_pod_that_flapped_is_told_at_once(desk: Desk) -> None:
    await desk.make(phase="Pending")
    for number in range(10):
        await desk.status(restarts=number)
    assert desk.told()[-1]["status"] != {"restarts": 9}
    await desk.store.remove(WEB)
    await asyncio.sleep(0.01)
    assert desk.told()[-1] == {}
    assert TOPIC not in desk.bus.retained
    await asyncio.sleep(5)
    assert desk.told()[-1] == {}


@scenario
async def test_a_removed_object_leaves_an_empty_retained_status(desk: Desk) -> None:
    await desk.make(phase="Running")
    await asyncio.sleep(0.01)
    assert TOPIC in desk.bus.retained
    await desk.store.remove(WEB)
    await asyncio.sleep(0.01)
    assert TOPIC not in desk.bus.retained


@scenario
async def test_a_secrets_content_stays_on_the_board(desk: Desk) -> None:
    document = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "annotations": {"last-applied": "aHVudGVyMg=="}},
        "data": {"password": "aHVudGVyMg=="},
    }
    await desk.store.put(Key("Secret", "default", "s"), document, source="mqtt")
    await asyncio.sleep(0.01)
    assert desk.told("status/secrets/default/s")[0]["kind"] == "Secret"
    assert not any(b"aHVudGVyMg" in one.payload for one in desk.bus.published)


@scenario
async def test_what_the_agent_keeps_for_itself_is_not_told(desk: Desk) -> None:
    count = len(desk.bus.published)
    document = {"apiVersion": "edgelet/v1", "kind": "PodSuccessor", "metadata": {"name": "web"}}
    await desk.store.put(Key("PodSuccessor", "default", "web"), document, source="mqtt")
    await asyncio.sleep(0.01)
    assert len(desk.bus.published) == count


@scenario
async def test_while_offline_nothing_piles_up_and_the_newest_is_told_afterwards(desk: Desk) -> None:
    await desk.make(phase="Pending")
    desk.bus.drop()
    await asyncio.sleep(1)
    for number in range(50):
        await desk.status(restarts=number)
    count = len(desk.told())
    await asyncio.sleep(10)
    assert len(desk.told()) == count
    await desk.connect()
    assert [body["status"] for body in desk.told()[count:]] == [{"restarts": 49}]


@scenario
async def test_a_wiped_broker_is_told_everything_again(desk: Desk) -> None:
    await desk.make("web", phase="Running")
    await desk.make("db", phase="Running")
    await asyncio.sleep(0.01)
    desk.bus.drop()
    desk.bus.wipe()
    await desk.connect()
    assert {"status/online", "status/node", TOPIC, "status/pods/default/db"} <= set(desk.bus.retained)


@scenario
async def test_a_link_that_comes_and_goes_is_told_everything_only_now_and_then(desk: Desk) -> None:
    await desk.make(phase="Running")
    await asyncio.sleep(0.01)
    count = len(desk.told())
    for _ in range(20):
        desk.bus.drop()
        await asyncio.sleep(1)
        await desk.connect()
    assert len(desk.told()) == count + 1, "what was new is told once more: the broker may have been set back"
    await asyncio.sleep(900)
    assert len(desk.told()) == count + 2


@scenario
async def test_a_broker_set_back_by_a_kill_is_told_what_was_new(desk: Desk) -> None:
    await desk.make(phase="Pending")
    await asyncio.sleep(5)
    saved = dict(desk.bus.retained)
    await desk.status(phase="Running")
    desk.bus.drop()
    desk.bus.retained.update(saved)
    await desk.connect()
    assert json.loads(desk.bus.retained[TOPIC])["status"]["phase"] == "Running"


@scenario
async def test_what_went_while_the_agent_was_down_is_cleared(desk: Desk) -> None:
    await desk.make("web", phase="Running")
    await desk.make("db", phase="Running")
    await asyncio.sleep(5)
    desk.bus.drop()
    await desk.kill()
    await desk.store.remove(WEB)
    await desk.agent()
    await desk.connect()
    assert TOPIC not in desk.bus.retained
    assert "status/pods/default/db" in desk.bus.retained
    assert json.loads(desk.bus.retained["status/online"])["bootID"] == "boot-2"


@scenario
async def test_what_a_cut_database_forgot_is_cleared_by_the_brokers_list(desk: Desk) -> None:
    await desk.make("web", phase="Running")
    desk.bus.retained |= {"status/pods/default/gone": b"{}", "status/nonsense": b"{}", "elsewhere": b"x"}
    desk.bus.drop()
    await desk.kill()
    await desk.agent(unsure=True)
    await desk.connect()
    assert {"status/online", "status/node", TOPIC, "elsewhere"} <= set(desk.bus.retained)
    assert not {"status/pods/default/gone", "status/nonsense"} & set(desk.bus.retained)


@scenario
async def test_after_an_end_in_order_the_broker_is_not_asked(desk: Desk) -> None:
    desk.bus.retained["status/pods/default/gone"] = b"{}"
    desk.bus.drop()
    await desk.kill()
    await desk.agent()
    await desk.connect()
    assert "status/pods/default/gone" in desk.bus.retained


@scenario
async def test_the_broker_is_asked_again_if_the_link_breaks_meanwhile(desk: Desk) -> None:
    desk.bus.drop()
    await desk.kill()
    await desk.agent(unsure=True)
    desk.bus.connect()
    desk.bus.drop()
    await asyncio.sleep(1)
    desk.bus.retained["status/pods/default/gone"] = b"{}"
    await desk.connect()
    assert "status/pods/default/gone" not in desk.bus.retained


@scenario
async def test_a_refusal_is_no_leftover(desk: Desk) -> None:
    desk.bus.send("desired/pods/default/bad", b"?")
    await asyncio.sleep(0.01)
    desk.bus.drop()
    await desk.kill()
    await desk.agent(unsure=True)
    await desk.connect()
    assert "status/pods/default/bad" in desk.bus.retained


@scenario
async def test_what_was_told_a_moment_before_the_agent_died_is_cleared_too(desk: Desk) -> None:
    await desk.make("web", phase="Running")
    await asyncio.sleep(0.01)
    assert TOPIC in desk.bus.retained
    await desk.store.remove(WEB)
    desk.bus.drop()
    await desk.kill()  # well before the list is saved at leisure
    assert TOPIC in desk.bus.retained
    await desk.agent()
    await desk.connect()
    assert TOPIC not in desk.bus.retained


@scenario
async def test_a_disk_that_refuses_the_list_silences_nobody(desk: Desk) -> None:
    desk.ledger.fail_with = StorageError("the disk is full")
    await desk.make("web", phase="Running")
    await asyncio.sleep(0.01)
    assert desk.phases() == ["Running"]
    await asyncio.sleep(5)
    assert desk.ledger.facts != {}


@scenario
async def test_a_quiet_board_writes_nothing_to_flash(desk: Desk) -> None:
    await desk.make(phase="Running")
    await asyncio.sleep(5)
    desk.ledger.facts.clear()
    for number in range(5):
        await desk.status(restarts=number)
        await asyncio.sleep(700)
    desk.bus.drop()
    await desk.connect()
    await asyncio.sleep(10)
    assert desk.ledger.facts == {}


@scenario
async def test_the_node_is_told_on_a_change_and_slowly_otherwise(desk: Desk) -> None:
    assert len(desk.told("status/node")) == 1
    desk.reporter.node_changed()
    await asyncio.sleep(0.01)
    assert len(desk.told("status/node")) == 1
    desk.ready = "False"
    desk.reporter.node_changed()
    await asyncio.sleep(0.01)
    assert len(desk.told("status/node")) == 2
    await asyncio.sleep(3600)
    assert len(desk.told("status/node")) == 2
    await asyncio.sleep(5 * 3600 + 10)
    assert len(desk.told("status/node")) == 3


@scenario
async def test_a_day_at_rest_is_four_messages(desk: Desk) -> None:
    for number in range(10):
        await desk.make(f"web-{number}", phase="Running")
    await asyncio.sleep(5)
    before = len(desk.bus.published)
    await asyncio.sleep(24 * 3600 + 10)
    assert [one.topic for one in desk.bus.published[before:]] == ["status/node"] * 4


@scenario
async def test_what_is_owed_is_told_after_the_next_connection_if_the_link_is_down_when_it_is_due(desk: Desk) -> None:
    await desk.make(phase="Running")
    await asyncio.sleep(0.01)
    desk.bus.drop()
    await desk.connect()  # the news are told once more
    count = len(desk.told())
    desk.bus.drop()
    await desk.connect()
    desk.bus.drop()
    await asyncio.sleep(900)
    assert len(desk.told()) == count
    await desk.connect()
    assert len(desk.told()) == count + 1
    await asyncio.sleep(900)
    assert len(desk.told()) == count + 1


@pytest.mark.parametrize("session_lost", [False, True])
def test_what_went_lately_is_cleared_once_more_at_a_broker_that_was_set_back(session_lost: bool) -> None:
    @scenario
    async def went(desk: Desk) -> None:
        key = await desk.make(phase="Running")
        await asyncio.sleep(0.01)
        before = dict(desk.bus.retained)
        stored = desk.store.get(key)
        assert stored is not None
        await desk.store.remove(key, uid=stored.uid)
        await asyncio.sleep(2)
        assert TOPIC not in desk.bus.retained
        desk.bus.drop()
        if session_lost:
            desk.bus.wipe()
        desk.bus.retained.update(before)  # killed, it comes back with what it had on disk
        await desk.connect()
        assert TOPIC not in desk.bus.retained
        count = len(desk.told())
        desk.bus.drop()
        await desk.connect()
        assert len(desk.told()) == count

    went()


@scenario
async def test_a_refusal_without_an_object_is_a_status_at_the_mirror_topic(desk: Desk) -> None:
    desk.reporter.refused("desired/pods/default/web", InvalidObjectError("Pod", "web", ()))
    desk.reporter.refused("desired/pods/default/..", EdgeletError("Invalid", "no such name"))
    desk.reporter.refused("desired/pods/default/web", InvalidObjectError("Pod", "web", ()))
    await asyncio.sleep(0.01)
    (body,) = desk.told()
    assert body["metadata"] == {"name": "web", "namespace": "default"}
    assert body["error"]["kind"] == "Status"
    assert (body["error"]["reason"], body["error"]["code"]) == ("Invalid", 422)
    assert "status/pods/default/.." in desk.bus.retained
    desk.reporter.accepted("desired/pods/default/web")
    await asyncio.sleep(0.01)
    assert TOPIC not in desk.bus.retained


@scenario
async def test_a_refused_version_is_told_beside_the_status_of_the_one_that_runs(desk: Desk) -> None:
    await desk.make(phase="Running")
    await asyncio.sleep(0.01)
    desk.reporter.refused("desired/pods/default/web", EdgeletError("Forbidden", "not on this board"))
    await asyncio.sleep(2)
    body = desk.told()[-1]
    assert (body["status"], body["error"]["code"]) == ({"phase": "Running"}, 403)
    desk.reporter.accepted("desired/pods/default/web")
    await asyncio.sleep(2)
    assert "error" not in desk.told()[-1]


@scenario
async def test_a_command_that_nobody_takes_is_answered(desk: Desk) -> None:
    desk.reporter.refused("cmd/exec/42", EdgeletError("MethodNotAllowed", "not in this version"))
    await asyncio.sleep(0.01)
    (answer,) = [one for one in desk.bus.published if one.topic == "cmdstatus/exec/42"]
    assert not answer.retain
    assert answer.expiry_s == 3600
    body = json.loads(answer.payload)
    assert (body["phase"], body["error"]["code"]) == ("Failed", 405)


@scenario
async def test_ten_thousand_refusals_are_all_told_and_little_is_remembered(desk: Desk) -> None:
    for number in range(10_000):
        desk.reporter.refused(f"desired/pods/default/p{number}", EdgeletError("RequestEntityTooLarge", "full"))
        if number % 50 == 0:
            await asyncio.sleep(0.01)
    await asyncio.sleep(1)
    assert sum(topic.startswith("status/pods/default/p") for topic in desk.bus.retained) == 10_000
    assert len(desk.reporter._desk._refused) == 1000
    assert len(desk.reporter._published) <= 1000
    desk.reporter.accepted("desired/pods/default/p3")
    await asyncio.sleep(0.01)
    assert "status/pods/default/p3" not in desk.bus.retained


@scenario
async def test_events_are_sent_and_while_offline_the_oldest_are_forgotten_first(desk: Desk) -> None:
    def event(number: int) -> dict[str, Any]:
        return {"metadata": {"name": f"web.{number}", "namespace": "default"}, "message": "x" * 1000}

    desk.reporter.event(event(0))
    await asyncio.sleep(0.01)
    (sent,) = [one for one in desk.bus.published if one.topic == "events/default/web.0"]
    assert not sent.retain
    desk.bus.drop()
    await asyncio.sleep(0.01)
    for number in range(1, 20_000):
        desk.reporter.event(event(number))
    assert desk.reporter._outbox.size_bytes <= 8 * 1024 * 1024
    await desk.connect()
    await asyncio.sleep(5)
    topics = {one.topic for one in desk.bus.published}
    assert "events/default/web.1" not in topics
    assert "events/default/web.19999" in topics


@scenario
async def test_a_status_too_large_for_the_broker_is_told_without_its_status(desk: Desk) -> None:
    desk.bus.maximum_packet_bytes = 2000
    await desk.make(phase="Running", message="x" * 5000)
    await asyncio.sleep(5)
    body = desk.told()[-1]
    assert "status" not in body
    assert body["error"]["code"] == 413


@scenario
async def test_a_topic_that_the_broker_denies_is_dropped_and_the_rest_goes_on(desk: Desk) -> None:
    desk.bus.denied.add(TOPIC)
    await desk.make("web", phase="Running")
    await desk.make("db", phase="Running")
    await asyncio.sleep(30)
    assert "status/pods/default/db" in desk.bus.retained
    assert len(desk.reporter._outbox) == 0


@scenario
async def test_goodbye_is_said_after_what_is_due(desk: Desk) -> None:
    await desk.make(phase="Running")
    await desk.reporter.goodbye()
    assert desk.phases()[-1] == "Running"
    assert json.loads(desk.bus.published[-1].payload)["state"] == "offline"
    desk.bus.drop()
    await desk.reporter.goodbye()


@scenario
async def test_a_takeover_fight_is_an_event_and_messages_are_somebody_elses(desk: Desk) -> None:
    desk.bus.drop("takeover fight: another client", fighting=True)
    await asyncio.sleep(0.01)
    (recorded,) = desk.events.recorded
    assert (recorded.regarding, recorded.reason) == (Key("Node", "", "pi-01"), "TakeoverFight")
    message = Message("cmd/exec/1", b"", qos=1, retained=False, connection=1, packet_id=1)
    assert not desk.reporter.notice(message)


@scenario
async def test_events_that_nobody_could_be_told_survive_a_restart_and_are_told_once(desk: Desk) -> None:
    desk.bus.drop()
    await asyncio.sleep(0.01)
    desk.reporter.event({"metadata": {"namespace": "default", "name": "web.1"}, "reason": "Killing"})
    await asyncio.sleep(61)
    await desk.kill()
    await desk.agent()
    await desk.connect()
    assert [one.topic for one in desk.bus.published].count("events/default/web.1") == 1
    await asyncio.sleep(61)  # they are taken off the disk
    await desk.kill()
    desk.bus.drop()
    await desk.agent()
    await desk.connect()
    assert [one.topic for one in desk.bus.published].count("events/default/web.1") == 1
