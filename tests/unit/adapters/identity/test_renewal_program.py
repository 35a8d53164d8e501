"""What a board believes of a registrar's answer, and what it stages."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edgelet.adapters.identity import renewal_program
from edgelet.adapters.x509 import certificates, keys, registrar_signature
from edgelet.api.enrolment import Reply
from edgelet.api.errors import EdgeletError
from tests.fixtures.field import FieldAuthority
from tests.unit.adapters.identity.program_desk import NODE, Desk


def test_an_answer_of_the_registrar_is_staged_with_the_new_key(desk: Desk) -> None:
    nonce, reply = desk.answered()
    said = desk.accept(nonce, reply)
    assert (said["code"], said["certificate"], said["authorities"]) == (200, True, False)
    leaf = certificates.read((desk.stage / "node.crt").read_bytes())[0]
    staged = keys.load(desk.stage / "node.key")
    assert leaf.key_digest == keys.digest(staged.public_key())
    assert keys.encode(staged) != desk.pair.key.read_bytes()
    assert (desk.stage / "node.key").stat().st_mode & 0o777 == 0o600


def test_a_request_that_is_made_again_has_the_same_key_so_a_lost_answer_comes_again(desk: Desk) -> None:
    _, first = desk.answered()
    nonce, second = desk.answered()
    assert second.certificate == first.certificate
    assert second.nonce != first.nonce
    assert desk.accept(nonce, second)["certificate"]


def test_a_staged_key_that_the_card_has_spoilt_is_replaced(desk: Desk) -> None:
    desk.answered()
    (desk.stage / "node.key").write_bytes(b"-----BEGIN PRIVATE KEY-----\n\0\0")
    nonce, reply = desk.answered()
    assert desk.accept(nonce, reply)["certificate"]


def test_the_time_alone_is_taken_without_a_directory_that_could_be_written(desk: Desk) -> None:
    desk.stage.rmdir()
    nonce = "0" * 32
    now = int(datetime.now(UTC).timestamp())
    said = desk.accept(nonce, desk.signed(Reply(nonce=nonce, code=200, time=now)))
    assert (said["code"], said["time"], said["certificate"], said["authorities"]) == (200, now, False, False)


CHANGES: dict[str, Callable[[Reply], Reply]] = {
    "nonce": lambda reply: replace(reply, nonce="0" * 32),
    "time": lambda reply: replace(reply, time=reply.time + 1),
    "certificate": lambda reply: replace(reply, certificate=reply.ca),
    "authorities": lambda reply: replace(reply, ca=reply.signer),
    "no signature": lambda reply: replace(reply, signer="", signature=""),
    "another's signature": lambda reply: replace(reply, signature="AAAA"),
    "lists": lambda reply: replace(reply, crls=""),
    "code": lambda reply: replace(reply, code=403),
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_answer_that_was_changed_on_its_way_stages_nothing(desk: Desk, change: str) -> None:
    nonce, reply = desk.answered()
    with pytest.raises(EdgeletError):
        desk.accept(nonce, CHANGES[change](reply))
    assert [one.name for one in desk.stage.iterdir()] == ["node.key"]


def test_a_registrar_of_another_authority_is_not_believed(desk: Desk, tmp_path: Path) -> None:
    nonce, reply = desk.answered()
    (tmp_path / "elsewhere").mkdir()
    other = Desk(tmp_path / "elsewhere", FieldAuthority(tmp_path / "other"))
    with pytest.raises(EdgeletError, match="does not lead to a certificate authority that is trusted here"):
        desk.accept(nonce, other.signed(reply))


def test_a_node_cannot_answer_in_the_registrars_place(desk: Desk) -> None:
    nonce, reply = desk.answered()
    node = desk.authority.client("default/evil")
    whole = replace(reply, signer=node.certificate.read_text())
    forged = replace(whole, signature=registrar_signature.make(keys.load(node.key), whole.covered()))
    with pytest.raises(EdgeletError, match="it is no registrar"):
        desk.accept(nonce, forged)


def test_a_registrar_whose_certificate_was_not_good_at_the_time_that_it_tells_is_not_believed(desk: Desk) -> None:
    """Else a key that was lost years ago could tell a board what time it is."""
    nonce, reply = desk.answered()
    late = desk.signed(replace(reply, time=reply.time + 400 * 24 * 3600))
    with pytest.raises(EdgeletError, match="ended at"):
        desk.accept(nonce, late)


def test_a_certificate_for_another_key_or_node_is_not_staged(desk: Desk) -> None:
    nonce, reply = desk.answered()
    another = desk.authority.client(NODE, name="another").certificate.read_text()
    with pytest.raises(EdgeletError, match="for another key"):
        desk.accept(nonce, desk.signed(replace(reply, certificate=another)))
    stranger = desk.authority.client("default/pi-02").certificate.read_text()
    with pytest.raises(EdgeletError, match="'default/pi-02', this node is 'default/pi-01'"):
        desk.accept(nonce, desk.signed(replace(reply, certificate=stranger)))
    assert not (desk.stage / "node.crt").exists()


def test_a_refusal_is_told_with_its_words_and_a_time_alone_has_no_certificate(desk: Desk) -> None:
    nonce, reply = desk.answered()
    no = replace(reply, code=403, reason="Forbidden", message="it was revoked", certificate="", ca="")
    assert desk.accept(nonce, desk.signed(no))["message"] == "it was revoked"
    time = replace(reply, certificate="", ca="")
    said = desk.accept(nonce, desk.signed(time))
    assert (said["code"], said["certificate"], said["authorities"]) == (200, False, False)


def test_as_a_program_it_answers_json_and_tells_errors_in_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(desk.question("request"))))
    assert renewal_program.main() == 0
    assert set(json.loads(capsys.readouterr().out)) == {"payload", "nonce"}
    desk.pair.key.unlink()
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(desk.question("request"))))
    renewal_program.main()
    assert "cannot read" in json.loads(capsys.readouterr().out)["error"]


def test_the_agent_itself_never_loads_a_library_for_certificates() -> None:
    code = (
        "import sys, edgelet.agent.daemon, edgelet.agent.identity, edgelet.adapters.identity.inspection;"
        "print([one for one in sys.modules if one.startswith('cryptography')])"
    )
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
