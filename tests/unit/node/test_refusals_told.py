from __future__ import annotations

import asyncio
import json

from edgelet.api.errors import EdgeletError, InvalidObjectError
from tests.unit.node.desk import TOPIC, Desk, scenario


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
