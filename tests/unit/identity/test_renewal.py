"""When a board asks, whom, and what it makes of the answer: on fakes, in made-up time."""

from __future__ import annotations

import asyncio

import pytest

from edgelet.api.errors import BusError, EdgeletError
from edgelet.identity import questions
from edgelet.ports.bus import Disconnected
from edgelet.ports.own_certificate import RegistrarQuestion
from tests.unit.identity.renewal_bench import BEGIN, DAY, NOBODY, REFUSED, Bench


async def test_nothing_is_asked_before_it_is_due_and_a_new_one_is_installed_when_it_is() -> None:
    bench = Bench()
    assert await bench.turn(day=41) == 3600
    assert bench.files.done == []
    bench.clock.wall = BEGIN + 55 * DAY
    bench.granted()
    await bench.turn(day=55)
    assert bench.files.done == ["request", "install"]
    assert bench.link.asked == ["link", "take up", "hurry"]
    assert bench.events.reasons() == ["CertificateRenewed"]
    assert bench.renewal.trouble == ""
    assert bench.ledger.facts["clock/high-water"].startswith(b"2030-02-25")


async def test_the_authorities_that_came_along_are_installed_first() -> None:
    bench = Bench()
    bench.clock.wall = BEGIN + 55 * DAY
    bench.granted(authorities=True)
    await bench.turn(day=55)
    assert bench.files.done == ["request", "install authorities", "install"]


async def test_a_pair_that_the_broker_refuses_is_not_installed_and_the_next_has_another_key() -> None:
    bench = Bench()
    bench.clock.wall = BEGIN + 55 * DAY
    bench.granted()
    bench.link.trouble = REFUSED
    assert await bench.turn(day=55) == 60
    assert bench.files.done == ["request", "forget"]
    assert bench.renewal.trouble == REFUSED.message
    assert bench.events.reasons() == ["CertificateRenewalFailed"]


async def test_a_broker_that_is_away_at_that_moment_costs_no_key() -> None:
    bench = Bench()
    bench.clock.wall = BEGIN + 55 * DAY
    bench.granted()
    bench.link.trouble = BusError("BrokerUnavailable", "cannot connect: no answer")
    await bench.turn(day=55)
    assert bench.files.done == ["request"]


@pytest.mark.parametrize(("code", "forgets"), [(202, False), (403, False), (409, True), (422, True), (503, False)])
async def test_a_refusal_is_told_and_only_one_of_the_key_costs_it(code: int, forgets: bool) -> None:
    bench = Bench()
    bench.clock.wall = BEGIN + 55 * DAY
    bench.granted(code, certificate=False)
    await bench.turn(day=55)
    assert bench.renewal.trouble == f"cannot renew the certificate: the registrar says {code} R: words"
    assert ("forget" in bench.files.done) is forgets
    assert "install" not in bench.files.done


async def test_failures_are_tried_again_ever_more_rarely_and_not_before() -> None:
    bench = Bench()
    waits = [await bench.turn(day=55)]
    assert await bench.turn(day=55 + 30 / 86400) == pytest.approx(30)
    assert bench.files.done == ["request"]
    day = 55.0
    for _ in range(4):
        day += waits[-1] / 86400 + 1e-6
        waits.append(await bench.turn(day=day))
    assert waits == [60, 120, 240, 480, 960]


async def test_without_a_link_a_good_certificate_waits_and_one_that_ended_asks_elsewhere() -> None:
    bench = Bench(join=True)
    bench.link.connected = False
    assert await bench.turn(day=55) == 3600
    assert bench.link.asked == []
    bench.clock.wall = BEGIN + 61 * DAY
    bench.granted()
    await bench.turn(day=61)
    assert bench.link.asked == ["join listener", "hurry", "join listener", "hurry"]  # the time first
    assert bench.files.done == ["time", "request", "install"]


async def test_with_no_join_listener_an_ended_certificate_without_a_link_waits_for_a_person() -> None:
    bench = Bench()
    bench.link.connected = False
    await bench.turn(day=61)
    assert bench.link.asked == []
    assert bench.files.done == []


async def test_where_somebody_else_renews_nothing_is_asked_for() -> None:
    bench = Bench(renew=False)
    await bench.turn(day=59)
    assert bench.files.done == []


async def test_a_fault_of_our_own_does_not_end_the_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, looks = Bench(), []

    async def broken() -> float:
        looks.append(1)
        bench.renewal._wake.clear()
        raise RuntimeError("a defect")

    monkeypatch.setattr(bench.renewal, "_turn", broken)
    running = asyncio.create_task(bench.renewal.run())
    for count in (1, 2):
        while len(looks) < count:
            await asyncio.sleep(0)
        bench.renewal.notice(Disconnected(1, "gone"))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert running.cancelled()


async def test_a_person_has_it_renewed_before_its_time_and_once() -> None:
    bench = Bench()
    bench.granted()
    assert await bench.turn(day=1) == 3600
    bench.renewal.renew_soon()
    await bench.turn(day=1.1)
    assert bench.files.done.count("install") == 1
    await bench.turn(day=1.2)
    assert bench.files.done.count("install") == 1


async def test_what_a_person_asked_for_waits_for_the_link_and_is_tried_again() -> None:
    bench = Bench()
    bench.link.connected = False
    bench.renewal.renew_soon()
    await bench.turn(day=1)
    assert bench.files.done == []
    bench.link.connected = True
    await bench.turn(day=1.01)
    assert bench.renewal.trouble == NOBODY.message
    bench.granted()
    await bench.turn(day=1.5)
    assert bench.files.done.count("install") == 1


async def test_nobody_has_a_certificate_renewed_that_somebody_else_renews() -> None:
    with pytest.raises(EdgeletError, match="renew is off"):
        Bench(renew=False).renewal.renew_soon()


async def test_a_question_that_got_lost_is_asked_again_while_the_answer_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(questions, "_ASK_AGAIN_S", 0.001)
    bench = Bench()
    bench.clock.wall = BEGIN + 55 * DAY
    bench.granted()
    answering = bench.link.send

    async def lost_at_first(question: RegistrarQuestion) -> None:
        if bench.link.asked.count("lost") == 2:
            await answering(question)
        else:
            bench.link.asked.append("lost")

    bench.link.send = lost_at_first  # type: ignore[method-assign]
    await bench.turn(day=55)
    assert bench.files.done == ["request", "install"]
    assert bench.link.asked == ["lost", "lost", "link", "take up", "hurry"]
