"""Registrars over real brokers: what they answer, and what they outlive."""

from __future__ import annotations

import contextlib
import queue
import secrets
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from edgelet.adapters.x509 import certificates, keys, registrar_signature, revocation
from edgelet.api import enrolment, enrolment_topics
from edgelet.api.enrolment import Reply, TimeRequest
from tests.fixtures.joiner import Joiner, nonce, renewal
from tests.fixtures.registrar import PREFIX, WAIT_S, Fleet

pytestmark = pytest.mark.mosquitto


def certificate(reply: Reply) -> certificates.Certificate:
    return certificates.read(reply.certificate.encode())[0]


def test_both_registrars_answer_with_one_certificate(fleet: Fleet, node: str) -> None:
    joiner = Joiner(fleet.line(node))
    with fleet.joiner() as peer:
        peer.request(joiner.join())
        replies = [peer.reply(), peer.reply()]
    assert {reply.code for reply in replies} == {200}
    assert len({reply.certificate for reply in replies}) == 1
    assert len({reply.signer for reply in replies}) == 2
    assert all(reply.is_authentic(joiner.token_keys) for reply in replies)
    assert fleet.issued(node) == 1


def test_a_request_that_somebody_repeats_gives_him_nothing(fleet: Fleet, node: str) -> None:
    joiner = Joiner(fleet.line(node))
    request = joiner.join()
    with fleet.joiner() as peer, fleet.joiner() as thief:
        first = peer.ask(request)
        stolen = thief.ask(request)
        # The same certificate, for a key that he does not have; with a key of his own the token is used up.
        assert certificate(stolen) == certificate(first)
        assert certificate(stolen).key_digest == keys.digest(joiner.key.public_key())
        own = replace(request, csr=Joiner(joiner.text).csr())
        codes = [thief.ask(own).code, thief.ask(Joiner(joiner.text).join()).code]
    assert codes[0] in {200, 403}  # the second registrar's answer to the first request may come in between
    assert fleet.issued(node) == 1


def test_a_node_renews_on_its_own_topics_and_asks_for_the_time(fleet: Fleet, node: str) -> None:
    pair = fleet.trust.pair(node)
    new_key = keys.generate()
    request = renewal(node, key=keys.load(pair.key), certificate=pair.certificate.read_text(), new_key=new_key)
    with fleet.peer(pair, f"{PREFIX}/{node}/cert/issued/#") as board:
        board.publish(f"{PREFIX}/{node}/cert/csr/1", enrolment.encode_request(request))
        renewed = board.reply()
        board.reply()
        assert certificate(renewed).key_digest == keys.digest(new_key.public_key())
        board.publish(f"{PREFIX}/{node}/cert/csr/2", enrolment.encode_request(TimeRequest(nonce=nonce())))
        told = board.reply()
        assert abs(told.time - time.time()) < 120
        roots = certificates.read(fleet.trust.ca.read_bytes())
        registrar_signature.check(told.covered(), signer=told.signer, signature=told.signature, trusted=roots, now=None)
    # The same over the broker for joining, where a board goes whose certificate has ended.
    with fleet.joiner() as peer:
        assert certificate(peer.ask(request)) == certificate(renewed)


def test_a_request_that_the_broker_keeps_is_cleared_and_not_answered(fleet: Fleet, node: str) -> None:
    bridge = fleet.trust.pair("_registrar/keeper")
    fleet.trust.update()
    identity = secrets.token_hex(16)
    topic = enrolment_topics.bootstrap_request(PREFIX, identity)
    with fleet.peer(bridge, topic) as keeper:
        keeper.publish(topic, enrolment.encode_request(Joiner(fleet.line(node)).join()), retain=True)
        assert keeper.heard.get(timeout=WAIT_S)[1] != b""
        assert keeper.heard.get(timeout=WAIT_S)[1] == b""
    with fleet.peer(bridge, topic, enrolment_topics.bootstrap_reply(PREFIX, identity)) as later:
        time.sleep(1)
        assert later.heard.empty()
    assert fleet.issued(node) == 0


def test_a_flood_of_requests_costs_the_registrar_no_memory_and_others_little_time(fleet: Fleet, node: str) -> None:
    before = psutil.Process(fleet.pid("r1")).memory_info().rss
    joiner = Joiner(fleet.line(node))
    bad = enrolment.encode_request(replace(joiner.join(), mac="0" * 64))
    with fleet.joiner() as flood, fleet.joiner() as peer:
        for number in range(600):
            flood.request(bad if number % 2 else b"[" * 15_000)
        reply = None
        for _ in range(20):  # as a board does: ask again
            peer.request(joiner.join())
            with contextlib.suppress(queue.Empty):
                reply = peer.reply(timeout_s=5)
                break
    assert reply is not None
    assert reply.code == 200
    assert psutil.Process(fleet.pid("r1")).memory_info().rss < before + 20 * 1024 * 1024


def test_registrars_outlive_their_brokers_and_brokers_their_registrars(fleet: Fleet, node: str, tmp_path: Path) -> None:
    for name, port in (("mosquitto", fleet.trust.port), ("join", fleet.trust.join_port)):
        fleet.trust.stop_broker(name, kill=True)
        fleet.trust.start_broker(name, port)
    assert fleet.join(tmp_path / "one", "-", stdin=fleet.line(node)).returncode == 0
    # With no registrar there, a board asks until there is one.
    assert fleet.end("r1", kill=True) != 0
    assert fleet.end("r2") == 0
    process = fleet.start_join(tmp_path, fleet.line(f"{node}-2"))
    time.sleep(2)
    assert process.poll() is None
    fleet.serve("r1")
    fleet.serve("r2")
    assert process.wait(WAIT_S) == 0
    assert fleet.issued(f"{node}-2") == 1


def test_boards_find_the_authorities_retained_and_signed(fleet: Fleet, node: str) -> None:
    pair = fleet.trust.pair(node)
    fleet.end("r1")
    fleet.serve("r1")
    with fleet.peer(pair, f"{PREFIX}/{node}/cert/issued/ca") as board:
        bundle = enrolment.decode_ca(board.heard.get(timeout=WAIT_S)[1])
    roots = certificates.read(fleet.trust.ca.read_bytes())
    registrar_signature.check(
        bundle.covered(), signer=bundle.signer, signature=bundle.signature, trusted=roots, now=None
    )
    assert bundle.bundle.encode() == fleet.trust.ca.read_bytes()
    lists, wrong = revocation.known(bundle.crls.encode(), roots)
    assert (len(lists), wrong) == (2, ())
