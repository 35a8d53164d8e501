"""What time a board learns on the way, and which it does not believe."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from edgelet.identity.clock_trust import ClockState, JudgedTime
from edgelet.ports.bus import Disconnected
from edgelet.ports.own_certificate import RegistrarReply
from tests.unit.identity.renewal_bench import BEGIN, DAY, Bench


async def test_a_clock_that_nobody_vouches_for_is_asked_about_once_an_hour_at_most() -> None:
    bench = Bench(synchronized=False)
    await bench.turn(day=10)
    await bench.turn(day=10.0001)
    assert bench.files.done == ["time"]
    bench.granted(certificate=False)
    await bench.turn(day=10.1)
    assert bench.files.done == ["time", "time"]
    await bench.turn(day=10.2)  # it knows now
    assert bench.files.done == ["time", "time"]


async def test_a_registrar_whose_clock_was_wrong_is_asked_again_once_the_boards_clock_is_good() -> None:
    bench = Bench(synchronized=False)
    bench.clock.wall = BEGIN + 10 * DAY
    bench.files.reply = behind = RegistrarReply(code=200, time=BEGIN + 10 * DAY - timedelta(hours=3))
    await bench.turn(day=10)
    bench.synchronized = True
    await bench.turn(day=10.01)
    assert bench.guard.judged().state is ClockState.WRONG
    assert bench.files.done == ["time"], "once an hour at most"
    bench.files.reply = replace(behind, time=BEGIN + 10.1 * DAY)  # it was put right
    await bench.turn(day=10.1)
    assert bench.guard.judged() == JudgedTime(BEGIN + 10.1 * DAY, ClockState.GOOD)
    await bench.turn(day=10.2)
    assert bench.files.done == ["time", "time"]


async def test_a_board_that_is_locked_out_without_a_clock_asks_for_the_time_elsewhere() -> None:
    bench = Bench(join=True, synchronized=False)
    bench.link.connected = False
    await bench.turn(day=10)
    assert bench.link.asked == []
    bench.renewal.notice(Disconnected(1, "cannot connect: the broker refuses", code="CertificateRefused"))
    await bench.turn(day=10.0001)
    assert bench.link.asked == ["join listener"]
    assert bench.events.reasons() == ["CertificateRefused"]


async def test_a_clock_that_was_ahead_is_forgotten_when_it_is_right_again() -> None:
    bench = Bench()
    bench.granted(certificate=False)
    assert bench.guard.outlive_s() is None  # a connection is made
    await bench.turn(day=0)
    bench.clock.wall += 30 * DAY  # somebody vouches for it, and the link stands with it
    await bench.renewal._turn()
    assert bench.keeper.high_water == BEGIN + 30 * DAY
    assert bench.files.done == []
    bench.clock.wall -= 30 * DAY
    await bench.renewal._turn()
    assert bench.files.done == ["time"]
    assert bench.keeper.high_water == BEGIN
    assert bench.ledger.facts["clock/high-water"] == b"2030-01-01T00:00:00Z 2030-01-01T00:00:00Z"
    await bench.turn(day=1)
    assert bench.files.done == ["time"]


async def test_an_answer_of_before_what_is_proven_is_worth_nothing() -> None:
    bench = Bench()
    bench.keeper.prove(BEGIN + 50 * DAY)
    bench.files.reply = RegistrarReply(code=200, time=BEGIN + 40 * DAY, certificate=True, authorities=True)
    assert await bench.turn(day=55) == 60
    assert bench.files.done == ["request"]
    assert "the registrar says that it is 2030-02-10T00:00:00Z, and it is 2030-02-20T00:00:00Z" in bench.renewal.trouble


async def test_no_answer_changes_the_authorities_by_a_time_that_a_vouched_for_clock_has_passed() -> None:
    """An old key of a registrar may tell any time of its life; the clock alone speaks against it."""
    bench = Bench()
    assert bench.guard.outlive_s() is None  # a connection is made
    await bench.turn(day=40)
    bench.files.reply = RegistrarReply(code=200, time=BEGIN + 30 * DAY, certificate=True, authorities=True)
    assert await bench.turn(day=55) == 60
    assert bench.files.done == ["request"]
    assert bench.events.reasons() == ["CertificateRenewalFailed"]
    assert bench.keeper.high_water == BEGIN + 55 * DAY


async def test_a_time_that_is_not_believed_is_asked_again_later() -> None:
    bench = Bench(synchronized=False)
    bench.keeper.prove(BEGIN + 10 * DAY)
    bench.files.reply = RegistrarReply(code=200, time=BEGIN)
    await bench.turn(day=10)
    await bench.turn(day=10.0001)
    assert bench.files.done == ["time"]
    await bench.turn(day=10.01)
    assert bench.files.done == ["time", "time"]
    assert not bench.guard.judged().exact
