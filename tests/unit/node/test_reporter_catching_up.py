from __future__ import annotations

import asyncio
import json

import pytest

from edgelet.api.errors import StorageError
from tests.unit.node.desk import TOPIC, WEB, Desk, scenario


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
