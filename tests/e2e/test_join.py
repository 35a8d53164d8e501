"""Boards that join over real brokers, and those who would like to be one of them."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import shlex
import stat
import subprocess
import time
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from edgelet.adapters.x509 import certificates, keys, registrar_signature, signing
from edgelet.api import enrolment, enrolment_topics, join_line
from edgelet.api.enrolment import Reply, TimeRequest
from edgelet.ca import desk, revocation_lists
from tests.fixtures.certificates import Pair
from tests.fixtures.joiner import Joiner, nonce
from tests.fixtures.registrar import HEARS, PREFIX, WAIT_S, Fleet

pytestmark = pytest.mark.mosquitto

_LIFE = (dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2040, 1, 1, tzinfo=dt.UTC))


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
        process = fleet.start_join(tmp_path, text)
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
        process = fleet.start_join(tmp_path, text)
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
