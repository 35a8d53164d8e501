"""When a board asks, whom, and what it makes of the answer: on fakes, in made-up time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from edgelet.api.errors import BusError, EdgeletError, StorageError
from edgelet.api.revocations import KnownList, Revocations
from edgelet.identity import renewal
from edgelet.identity.authorities import Authorities
from edgelet.identity.clock_trust import ClockState, JudgedTime
from edgelet.identity.guard import IdentityGuard
from edgelet.identity.renewal import Renewal, RenewalPorts, RenewalSettings
from edgelet.identity.renewal_plan import RenewalPlan
from edgelet.identity.revocation_watch import RevocationWatch
from edgelet.identity.time_keeper import TimeKeeper
from edgelet.ports.bus import Disconnected, Message
from edgelet.ports.object_store import Key
from edgelet.ports.own_certificate import (
    AuthoritiesNews,
    KeptRevocations,
    OwnCertificate,
    RegistrarQuestion,
    RegistrarReply,
    RevokedNews,
)
from tests.fakes.events import FakeEvents
from tests.fakes.hand_clock import HandClock
from tests.fakes.object_store import FakeLedger

BEGIN = datetime(2030, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
NODE = Key("Node", "", "pi-01")
NOBODY = BusError("RegistrarSilent", "cannot ask: nobody is there")
REFUSED = BusError("CertificateInvalid", "cannot connect: the broker refuses")


@dataclass
class Files:
    """Certificates are numbers; what was done is a list of words."""

    clock: HandClock
    done: list[str] = field(default_factory=list)
    present: int = 1
    reply: RegistrarReply | BusError = NOBODY
    begin: datetime = BEGIN
    news: AuthoritiesNews | None = None
    kept: KeptRevocations = field(default_factory=KeptRevocations)

    def revocations(self) -> KeptRevocations:
        return self.kept

    def read(self) -> OwnCertificate:
        return OwnCertificate(
            path="/p",
            common_name="default/pi-01",
            serial=str(self.present),
            not_before=self.begin,
            not_after=self.begin + 60 * DAY,
        )

    async def request(self) -> RegistrarQuestion:
        self.done.append("request")
        return RegistrarQuestion(b"renew", "n")

    def time_request(self) -> RegistrarQuestion:
        self.done.append("time")
        return RegistrarQuestion(b"time", "t")

    async def accept(self, answer: bytes, *, nonce: str) -> RegistrarReply:
        assert (answer, nonce) in {(b"answer", "n"), (b"answer", "t")}
        if isinstance(self.reply, BusError):
            raise self.reply
        return self.reply

    def forget_request(self) -> None:
        self.done.append("forget")

    async def accept_authorities(self, message: bytes, *, epoch: int) -> AuthoritiesNews | None:
        assert message == b"bundle"
        self.done.append(f"authorities after {epoch}")
        return self.news

    async def install_pair(self) -> None:
        self.done.append("install")
        self.present += 1
        self.begin = self.clock.now()

    async def install_authorities(self) -> None:
        self.done.append("install authorities")


@dataclass
class Link:
    """Where it was asked, in order; an answer comes at once."""

    connected: bool = True
    trouble: BusError | None = None
    asked: list[str] = field(default_factory=list)
    renewal: Renewal | None = None

    async def send(self, question: RegistrarQuestion) -> None:
        self.asked.append("link")
        assert self.renewal is not None
        topic = f"cert/issued/{question.nonce}"
        assert self.renewal.notice(Message(topic, b"answer", 1, retained=False, connection=1, packet_id=1))

    async def ask_at_join_listener(self, question: RegistrarQuestion, *, timeout_s: float) -> bytes:
        assert question.payload
        assert timeout_s > 0
        self.asked.append("join listener")
        return b"answer"

    async def take_up_pair(self) -> None:
        self.asked.append("take up")
        if self.trouble:
            raise self.trouble

    async def try_authorities(self) -> None:
        self.asked.append("try authorities")
        if self.trouble:
            raise self.trouble

    def judge_again(self) -> None:
        self.asked.append("judge again")

    def hurry(self) -> None:
        self.asked.append("hurry")


class Bench:
    """A renewal on fakes."""

    def __init__(self, *, renew: bool = True, join: bool = False, synchronized: bool = True) -> None:
        self.clock, self.events, self.link, self.ledger = HandClock(BEGIN), FakeEvents(), Link(), FakeLedger()
        self.files = Files(self.clock)
        plan = RenewalPlan()
        self.synchronized = synchronized
        self.keeper = TimeKeeper(self.clock, self.ledger, synchronized=lambda: self.synchronized)
        self.guard = IdentityGuard(self.files, keeper=self.keeper, node="default/pi-01")
        revoked = RevocationWatch(self.files, events=self.events, node=NODE)
        self.authorities = Authorities(
            self.files,
            self.link,
            revoked=revoked,
            ledger=self.ledger,
            events=self.events,
            node=NODE,
            clock=self.clock,
            plan=plan,
            chance=lambda: 1.0,
        )
        ports = RenewalPorts(
            files=self.files,
            link=self.link,
            guard=self.guard,
            keeper=self.keeper,
            authorities=self.authorities,
            revoked=revoked,
            events=self.events,
            node=NODE,
            clock=self.clock,
        )
        self.renewal = Renewal(ports, RenewalSettings(plan=plan, renew=renew, join=join), chance=lambda: 1.0)
        self.link.renewal = self.renewal

    async def turn(self, *, day: float) -> float:
        """Look once, so many days after the certificate's begin."""
        self.clock.run(BEGIN + day * DAY - self.clock.wall)
        return await self.renewal._turn()

    def granted(self, code: int = 200, *, certificate: bool = True, authorities: bool = False) -> None:
        self.files.reply = RegistrarReply(
            code=code,
            time=self.clock.now(),
            reason="R",
            message="words",
            certificate=certificate,
            authorities=authorities,
        )


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


async def test_authorities_are_dealt_with_once_and_refused_ones_again_later() -> None:
    bench = Bench()
    bench.files.news = AuthoritiesNews(4, changed=True)
    bench.link.trouble = REFUSED
    message = Message("cert/issued/ca", b"bundle", 1, retained=True, connection=1, packet_id=1)
    assert bench.renewal.notice(message)
    assert await bench.turn(day=1) == 60
    assert bench.events.reasons() == ["AuthoritiesRefused"]
    bench.link.trouble = None
    await bench.turn(day=1.01)
    # Once more with the number that is known: for the revocation lists of the new ones.
    done = ["authorities after -1", "authorities after -1", "install authorities", "authorities after 4"]
    assert bench.files.done == done
    bench.renewal.notice(message)  # the broker repeats it with each connection
    await bench.turn(day=1.02)
    assert bench.files.done == done
    again = Bench()
    again.ledger.facts.update(bench.ledger.facts)
    fresh = Authorities(
        again.files,
        again.link,
        revoked=RevocationWatch(again.files, events=again.events, node=NODE),
        ledger=again.ledger,
        events=again.events,
        node=NODE,
        clock=again.clock,
        plan=RenewalPlan(),
        chance=lambda: 1.0,
    )
    assert not fresh.hear(b"bundle")
    assert fresh.hear(b"another")


def known(*, ends: datetime, number: int = 1, revoked: frozenset[str] = frozenset()) -> Revocations:
    one = KnownList(issuer="an issuer", key="0" * 64, number=number, ends=int(ends.timestamp()), revoked=revoked)
    return Revocations((one,))


CA_MESSAGE = Message("cert/issued/ca", b"bundle", 1, retained=True, connection=1, packet_id=1)


async def test_lists_that_are_lost_are_taken_again_from_a_message_that_was_dealt_with() -> None:
    bench = Bench()
    bench.files.news = AuthoritiesNews(4, changed=False, revoked=RevokedNews(some=True))
    bench.files.kept = KeptRevocations(known(ends=BEGIN + 90 * DAY))
    bench.renewal.notice(CA_MESSAGE)
    await bench.turn(day=1)
    bench.renewal.notice(CA_MESSAGE)
    await bench.turn(day=1.1)
    assert bench.files.done == ["authorities after -1"]
    bench.files.kept = KeptRevocations(lost=True, trouble="cannot use the file: damaged")
    bench.renewal.notice(CA_MESSAGE)
    bench.ledger.fail_with = unwritten = StorageError("full")
    bench.files.news = AuthoritiesNews(4, changed=False)
    await bench.turn(day=1.2)
    assert bench.files.done == ["authorities after -1", "authorities after 4"]
    bench.renewal.notice(CA_MESSAGE)  # it has no lists: that is found out once
    await bench.turn(day=1.3)
    assert len(bench.files.done) == 2
    assert bench.ledger.fail_with is unwritten  # nothing new, nothing on disk
    assert bench.events.reasons() == ["RevocationListsDamaged"]


async def test_newer_lists_have_the_connection_judged_again_and_refused_ones_are_told() -> None:
    bench = Bench()
    bench.files.news = AuthoritiesNews(4, changed=False, revoked=RevokedNews(changed=True))
    bench.renewal.notice(CA_MESSAGE)
    await bench.turn(day=1)
    assert bench.link.asked == ["judge again"]
    bench.files.news = AuthoritiesNews(5, changed=False, revoked=RevokedNews(refused=("list 4 is older than 5",)))
    bench.authorities._digest = ""
    bench.renewal.notice(CA_MESSAGE)
    await bench.turn(day=1.1)
    assert bench.link.asked == ["judge again"]
    assert bench.events.reasons() == ["RevocationListsRefused"]


async def test_a_list_past_its_end_is_told_once_and_stops_nothing() -> None:
    bench = Bench()
    bench.files.kept = KeptRevocations(known(ends=BEGIN + DAY))
    for day in (0.5, 2, 3):
        await bench.turn(day=day)
    assert bench.events.reasons() == ["RevocationListStale"]
    bench.files.kept = KeptRevocations(known(ends=BEGIN + 4 * DAY, number=2))
    await bench.turn(day=3.5)
    await bench.turn(day=5)
    assert bench.events.reasons() == ["RevocationListStale"] * 2
    unsure = Bench(synchronized=False)
    unsure.files.kept = KeptRevocations(known(ends=BEGIN - 400 * DAY))
    unsure.link.connected = False
    await unsure.turn(day=1)  # nobody knows what time it is
    assert unsure.events.reasons() == []


async def test_a_revoked_broker_is_told_and_does_not_cost_the_new_key() -> None:
    bench = Bench()
    bench.renewal.notice(Disconnected(1, "its certificate was revoked", code="CertificateRevoked"))
    bench.clock.wall = BEGIN + 55 * DAY
    bench.granted()
    bench.link.trouble = BusError("CertificateRevoked", "cannot trust the broker: it was revoked")
    await bench.turn(day=55)
    assert bench.files.done == ["request"]
    assert bench.link.asked == ["link", "take up", "judge again"]
    assert bench.events.reasons() == ["CertificateRevoked", "CertificateRenewalFailed"]


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


async def test_a_question_that_got_lost_is_asked_again_while_the_answer_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(renewal, "_ASK_AGAIN_S", 0.001)
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
