"""Boards that join over real brokers, and those who would like to be one of them."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import queue
import secrets
import shlex
import stat
import subprocess
import time
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from edgelet.adapters.x509 import certificates, keys, registrar_signature, revocation, signing
from edgelet.api import enrolment, enrolment_topics, join_line
from edgelet.api.enrolment import Reply, TimeRequest
from edgelet.ca import desk, revocation_lists
from tests.fixtures.certificates import Pair
from tests.fixtures.joiner import Joiner, nonce, renewal
from tests.fixtures.registrar import HEARS, PREFIX, WAIT_S, Fleet

pytestmark = pytest.mark.mosquitto

_LIFE = (dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2040, 1, 1, tzinfo=dt.UTC))


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Two registrars on one authority."""
    with Fleet(tmp_path_factory.mktemp("fleet"), registrars=("r1", "r2")) as made:
        yield made


@pytest.fixture
def node() -> str:
    return f"default/pi-{secrets.token_hex(4)}"


def certificate(reply: Reply) -> certificates.Certificate:
    return certificates.read(reply.certificate.encode())[0]


def test_a_line_is_all_that_a_board_needs(fleet: Fleet, node: str, tmp_path: Path) -> None:
    made = fleet.run(
        *("token", "create", "--dir", str(fleet.directory / "ca"), "--node", node, "--ttl", "10m"),
        *("--broker", fleet.trust.join_url, "--link", fleet.trust.url),
    )
    assert (made.returncode, made.stderr, made.stdout.count("\n")) == (0, "", 1)
    done = fleet.join(tmp_path, "-", stdin=made.stdout)
    assert done.returncode == 0, done.stderr
    assert f"this board is {node} now" in done.stdout
    settings = tomllib.loads((tmp_path / "edgelet.toml").read_text())["mqtt"]
    assert stat.S_IMODE((tmp_path / "pki" / "node.key").stat().st_mode) == 0o600
    # What it got is good at the broker for boards: it hears what is published there for it.
    pair = Pair(Path(settings["client_cert"]), Path(settings["client_key"]))
    with fleet.peer(pair, f"{PREFIX}/{node}/sync") as board:
        board.publish(f"{PREFIX}/{node}/sync", b"here")
        assert board.heard.get(timeout=WAIT_S)[1] == b"here"
    again = fleet.join(tmp_path, "-", stdin=made.stdout)
    assert (again.returncode, "already" in again.stdout) == (0, True)
    thief = fleet.join(tmp_path / "thief", "-", stdin=made.stdout)
    assert (thief.returncode, thief.stdout) == (2, "")
    assert "409 Conflict" in thief.stderr
    listed = fleet.run("token", "list", "--dir", str(fleet.directory / "ca")).stdout
    assert any(node in row and "Used" in row for row in listed.splitlines())


def test_a_file_on_the_boot_partition_is_enough_and_is_removed(fleet: Fleet, node: str, tmp_path: Path) -> None:
    path = tmp_path / "edgelet-join"
    path.write_text(f"# board 7\n{fleet.line(node)}\n")
    done = fleet.join(tmp_path, "--file", "/nonexistent/edgelet-join", "--file", str(path))
    assert done.returncode == 0, done.stderr
    assert not path.exists()
    nothing = fleet.join(tmp_path, "--file", str(path))
    assert (nothing.returncode, "nothing to do" in nothing.stdout) == (0, True)


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


@pytest.mark.parametrize("field", ["node", "csr", "token", "mac"])
def test_a_request_that_is_changed_on_its_way_is_refused(fleet: Fleet, node: str, field: str) -> None:
    joiner = Joiner(fleet.line(node))
    strange = {"node": "default/other", "csr": Joiner(joiner.text).csr(), "token": "0" * 16, "mac": "1" * 64}
    with fleet.joiner() as peer:
        reply = peer.ask(replace(joiner.join(), **{field: strange[field]}))
        assert (reply.code, reply.certificate, reply.mac) == (403, "", "")
    assert fleet.issued(node) == 0


def test_another_name_and_a_second_key_get_their_codes_and_audit_entries(fleet: Fleet, node: str) -> None:
    joiner = Joiner(fleet.line(node))
    with fleet.joiner() as peer:
        assert peer.ask(joiner.join(node="default/other")).code == 422
    with fleet.joiner() as peer:
        assert peer.ask(joiner.join()).code == 200
    with fleet.joiner() as peer:
        reply = peer.ask(Joiner(joiner.text).join())
        assert (reply.code, reply.is_authentic(joiner.token_keys)) == (409, True)
    told = json.loads(fleet.run("ca", "list", "log", "-o", "json", "--dir", str(fleet.directory / "ca")).stdout)
    mine = [one["spec"] for one in told["items"] if one["spec"]["subject"] == node]
    outcomes = {one["outcome"] for one in mine if one["action"] == "join"}
    assert {"Invalid", "Conflict"} <= outcomes
    assert {"ok"} == {one["outcome"] for one in mine if one["action"] in {"issue", "token-create"}}
    assert {one["actor"] for one in mine if one["action"] == "join"} <= {"registrar:r1", "registrar:r2"}


def test_a_joiner_hears_nothing_of_others(fleet: Fleet, node: str) -> None:
    joiner = Joiner(fleet.line(node))
    with fleet.joiner("#", f"{PREFIX}/_bootstrap/+/cert", f"{PREFIX}/#") as spy, fleet.joiner() as peer:
        assert peer.ask(joiner.join()).code == 200
        # Neither can it answer in the registrar's place.
        spy.publish(enrolment_topics.bootstrap_reply(PREFIX, peer.client_id), b"forged")
        spy.publish(enrolment_topics.bootstrap_request(PREFIX, peer.client_id), enrolment.encode_request(joiner.join()))
        spy.request(TimeRequest(nonce=nonce()))
        heard = [spy.heard.get(timeout=WAIT_S)[0]]
        time.sleep(1)
        while not spy.heard.empty():
            heard.append(spy.heard.get()[0])
        assert set(heard) == {enrolment_topics.bootstrap_reply(PREFIX, spy.client_id)}
        assert peer.reply().code == 200  # of the second registrar
        assert peer.heard.empty()


def test_forged_answers_do_not_hold_up_a_board(fleet: Fleet, node: str, tmp_path: Path) -> None:
    """Somebody at the broker answers first, again and again, also signed by a registrar that knows no secret."""
    evil = fleet.trust.pair("_registrar/evil")
    fleet.trust.update()
    signer, key = evil.certificate.read_text(), keys.load(evil.key)
    forged = 0
    text = fleet.line(node)
    with fleet.peer(evil, f"{PREFIX}/_bootstrap/+/csr") as hostile:
        process = start_join(fleet, tmp_path, text)
        topic, payload, _ = hostile.heard.get(timeout=WAIT_S)
        number = json.loads(payload)["nonce"]
        ca = fleet.trust.ca.read_text()
        for answer in (
            Reply(nonce=number, code=200, time=1, certificate=signer, ca=ca),
            Reply(nonce=number, code=200, time=1, certificate=signer, ca=ca, mac="0" * 64),
            Reply(nonce=number, code=202, time=1, reason="Pending", message="wait for ever"),
            Reply(nonce=number, code=403, time=1, reason="Forbidden", message="go away"),
        ):
            signed = replace(answer, signer=signer)
            if answer.code != 403:  # a refusal that a registrar signed is believed: he may refuse anybody anyway
                signed = replace(signed, signature=registrar_signature.make(key, signed.covered()))
            hostile.publish(topic.removesuffix("csr") + "cert", enrolment.encode_reply(signed))
            forged += 1
        assert process.wait(WAIT_S) == 0
    assert forged == 4
    leaf = certificates.read((tmp_path / "pki" / "node.crt").read_bytes())[0]
    assert leaf.common_name == node


def test_a_line_that_ended_or_was_deleted_is_refused_for_good(fleet: Fleet, node: str, tmp_path: Path) -> None:
    ended, deleted = fleet.line(node), fleet.line(node)
    with fleet.trust.authority.database.transaction() as connection:
        connection.execute("UPDATE tokens SET expires_at = created_at - 1 WHERE id = ?", (Joiner(ended).line.id,))
    gone = fleet.run("token", "delete", "--dir", str(fleet.directory / "ca"), Joiner(deleted).line.id)
    assert (gone.returncode, gone.stdout) == (0, f'token "{Joiner(deleted).line.id}" deleted\n')
    for text, words in ((ended, "410 Expired"), (deleted, "403 Forbidden")):
        refused = fleet.join(tmp_path, "-", stdin=text)
        assert refused.returncode == 2
        assert words in refused.stderr
        assert "edgelet token create" in refused.stderr
    assert not (tmp_path / "edgelet.toml").exists()
    assert fleet.issued(node) == 0


def test_a_broker_that_somebody_put_in_between_and_an_old_login_are_told_at_once(
    fleet: Fleet, node: str, tmp_path: Path
) -> None:
    line = Joiner(fleet.line(node)).line
    stranger = signing.root(keys.generate(), name="stranger", life=signing.Life(*_LIFE))
    for changed, words in (
        (replace(line, ca=(stranger.der(),)), "not the one of this line"),
        (replace(line, password="another"), "login of the line"),
        (replace(line, broker=line.broker.replace("127.0.0.1", "127.0.0.2")), "cannot reach the broker"),
    ):
        refused = fleet.join(tmp_path, "-", "--timeout", "1s", stdin=join_line.encode(changed))
        assert refused.returncode == 1
        assert words in refused.stderr
        assert line.password not in refused.stderr
    assert fleet.issued(node) == 0


def test_a_board_waits_for_a_persons_word(tmp_path: Path) -> None:
    (tmp_path / "fleet").mkdir()
    with Fleet(tmp_path / "fleet", options=("--approve", "manual")) as fleet:
        place = ("--dir", str(fleet.directory / "ca"))
        text = fleet.line("default/pi-01")
        waiting = fleet.join(tmp_path, "-", "--timeout", "2s", stdin=text)
        assert waiting.returncode == 1
        assert "waits for approval" in waiting.stderr
        (request,) = desk.all_of(fleet.trust.authority.database)
        approved = fleet.run("ca", "approve", request.id, *place)
        assert approved.returncode == 0, approved.stderr
        done = fleet.join(tmp_path, "-", stdin=text)
        assert done.returncode == 0, done.stderr
        leaf = certificates.read((tmp_path / "pki/node.crt").read_bytes())[0]
        assert leaf.key_digest == request.key_digest


def test_a_revocation_reaches_the_brokers_by_the_operators_command(tmp_path: Path) -> None:
    """The command makes the brokers' files anew and has them read: what was revoked cannot connect any more."""
    fleet = Fleet(tmp_path)
    script = tmp_path / "hand-on"
    brokers = fleet.trust.brokers
    make = [
        *fleet.command("ca", "mosquitto", "--dir", str(tmp_path / "ca"), "--out", str(brokers), "--group", ""),
        *("--store", str(tmp_path / "store"), "--bind", "127.0.0.1"),
        *("--port", str(fleet.trust.port), "--join-port", str(fleet.trust.join_port)),
    ]
    with fleet:
        pid = fleet.trust._processes["mosquitto"].pid
        script.write_text(f"#!/bin/sh -e\n{shlex.join(make)}\nkill -HUP {pid}\n")
        script.chmod(0o755)
        fleet.end("r1")
        fleet._options = ("--on-change", str(script))
        fleet.serve("r1")
        fleet.until(lambda: "the command of --on-change ran" in fleet.log("r1"), what="it runs at the start")
        pair = fleet.trust.pair("default/pi-01")
        fleet.peer(pair, f"{PREFIX}/default/pi-01/sync").close()
        revocation_lists.revoke(fleet.trust.authority, "default/pi-01", "keyCompromise")
        runs = fleet.log("r1").count("the command of --on-change ran")
        fleet.until(lambda: fleet.log("r1").count("the command of --on-change ran") > runs, what="it runs again")
        fleet.until(lambda: not _can_connect(fleet, pair), what="the broker refuses")


def test_a_registrar_that_the_access_list_does_not_know_says_so(tmp_path: Path) -> None:
    with Fleet(tmp_path, registrars=()) as fleet:
        fleet.serve("r9", wait=False)
        fleet.until(lambda: "Is it in the access list?" in fleet.log("r9"), what="it says so")
        assert HEARS not in fleet.log("r9")
        fleet.trust.update()
        fleet.until(lambda: HEARS in fleet.log("r9"), what="it hears")
        assert fleet.join(tmp_path / "board", "-", stdin=fleet.line("default/pi-01")).returncode == 0


def _can_connect(fleet: Fleet, pair: Pair) -> bool:
    argv = [
        *("mosquitto_pub", "-V", "5", "-h", "127.0.0.1", "-p", str(fleet.trust.port), "-t", "x", "-n"),
        *("--cafile", str(fleet.trust.ca), "--cert", str(pair.certificate), "--key", str(pair.key)),
    ]
    return subprocess.run(argv, capture_output=True, timeout=60, check=False).returncode == 0


def test_an_answer_that_was_lost_is_given_again(fleet: Fleet, node: str) -> None:
    joiner = Joiner(fleet.line(node))
    with fleet.joiner() as deaf:
        deaf.request(joiner.join())
    fleet.until(lambda: fleet.issued(node), what="the first request is answered")
    with fleet.joiner() as peer:
        reply = peer.ask(joiner.join())
    assert reply.code == 200
    assert fleet.issued(node) == 1


def test_a_board_that_is_killed_again_and_again_joins_in_the_end(fleet: Fleet, node: str, tmp_path: Path) -> None:
    text = fleet.line(node)
    for after_s in (0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 1.0):
        process = start_join(fleet, tmp_path, text)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(after_s)
        process.kill()
        process.wait(WAIT_S)
    done = fleet.join(tmp_path, "-", stdin=text)
    assert done.returncode == 0, done.stderr
    leaf = certificates.read((tmp_path / "pki/node.crt").read_bytes())[0]
    assert leaf.key_digest == keys.digest(keys.load(tmp_path / "pki/node.key").public_key())
    assert fleet.issued(node) == 1
    assert not list((tmp_path / "pki").glob(".join*"))


def start_join(fleet: Fleet, board: Path, text: str) -> subprocess.Popen[str]:
    """Begin `edgelet join` for a board; its words are not kept."""
    places = ("--no-start", "--config", str(board / "edgelet.toml"), "--pki", str(board / "pki"))
    process = subprocess.Popen(
        fleet.command("join", "-", *places),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        env=fleet.environ(),
    )
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(text)
        process.stdin.close()
    return process


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
    process = start_join(fleet, tmp_path, fleet.line(f"{node}-2"))
    time.sleep(2)
    assert process.poll() is None
    fleet.serve("r1")
    fleet.serve("r2")
    assert process.wait(WAIT_S) == 0
    assert fleet.issued(f"{node}-2") == 1


def test_nothing_of_a_secret_is_in_any_log(fleet: Fleet, node: str, tmp_path: Path) -> None:
    text = fleet.line(node)
    line = Joiner(text).line
    fleet.join(tmp_path, "-", stdin=text)
    told = fleet.join(tmp_path / "thief", "-", stdin=text)
    everything = told.stderr + told.stdout + fleet.log("r1") + fleet.log("r2")
    everything += fleet.trust.log("mosquitto") + fleet.trust.log("join")
    everything += "".join(entry.detail for entry in fleet.trust.authority.log())
    for secret in (text, line.secret.hex(), line.password, keys.encode(keys.load(tmp_path / "pki/node.key")).decode()):
        assert secret not in everything


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
