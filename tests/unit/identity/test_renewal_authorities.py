"""What a board makes of new authorities and of revocation lists."""

from __future__ import annotations

from datetime import datetime

from edgelet.api.errors import BusError, StorageError
from edgelet.api.revocations import KnownList, Revocations
from edgelet.identity.authorities import Authorities
from edgelet.identity.renewal_plan import RenewalPlan
from edgelet.identity.revocation_watch import RevocationWatch
from edgelet.ports.bus import Disconnected, Message
from edgelet.ports.own_certificate import AuthoritiesNews, KeptRevocations, RevokedNews
from tests.unit.identity.renewal_bench import BEGIN, DAY, NODE, REFUSED, Bench


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
