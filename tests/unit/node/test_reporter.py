from __future__ import annotations

import asyncio
import json
from typing import Any

from edgelet.ports.bus import Message
from edgelet.ports.object_store import Key
from tests.unit.node.desk import TOPIC, WEB, Desk, scenario


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
