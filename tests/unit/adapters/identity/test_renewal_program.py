"""What a board believes of a registrar's answer, and what it stages."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edgelet.adapters.identity import renewal_program, revoked_file
from edgelet.adapters.x509 import certificates, keys, registrar_signature
from edgelet.api import enrolment
from edgelet.api.enrolment import Reply
from edgelet.api.enrolment_topics import Origin
from edgelet.api.errors import EdgeletError
from edgelet.api.revocations import Revocations
from edgelet.ca import ca_notice, registrar_identity, revocation_lists, roll_over
from edgelet.ca.issuers import ROOT
from edgelet.ca.registrar import Policy, Registrar
from tests.fixtures.field import FieldAuthority

NODE = "default/pi-01"
ORIGIN = Origin("", "", NODE)


@dataclass
class Desk:
    """A board's files and the registrar, without a broker."""

    directory: Path
    authority: FieldAuthority

    def __post_init__(self) -> None:
        self.pair = self.authority.client(NODE, days_ago=50)
        self.stage = self.directory / "new"
        self.stage.mkdir()
        self.trusted = self.directory / "trusted.crt"
        self.trusted.write_bytes(self.authority.certificate.read_bytes())

    def question(self, do: str, **more: object) -> dict[str, Any]:
        return {
            "do": do,
            "node": NODE,
            "certificate": str(self.pair.certificate),
            "key": str(self.pair.key),
            "authorities": str(self.trusted),
            "staged_certificate": str(self.stage / "node.crt"),
            "staged_key": str(self.stage / "node.key"),
            "staged_authorities": str(self.stage / "ca.crt"),
            "revoked": str(self.directory / "trusted.crt.revoked"),
            "at_least": 0.0,
            "proven": 0.0,
        } | more

    def answered(self) -> tuple[str, Reply]:
        """Ask for a new certificate; returns nonce and answer."""
        asked = renewal_program.request(self.question("request"))
        with self.authority.open() as authority:
            own = registrar_identity.ensure(authority, "r1")
            registrar = Registrar(authority, signer=lambda: own, policy=Policy(), monotonic_s=lambda: 0.0)
            answer = registrar.answer(ORIGIN, asked["payload"].encode())
        assert answer is not None
        return asked["nonce"], enrolment.decode_reply(answer)

    def accept(self, nonce: str, reply: Reply) -> dict[str, Any]:
        text = enrolment.encode_reply(reply).decode()
        return renewal_program.accept(self.question("accept", answer=text, nonce=nonce))

    def signed(self, reply: Reply, name: str = "r1") -> Reply:
        """Sign as a registrar does."""
        with self.authority.open() as authority:
            own = registrar_identity.ensure(authority, name)
        whole = replace(reply, signer=own.chain)
        return replace(whole, signature=registrar_signature.make(own.key, whole.covered()))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, FieldAuthority(tmp_path / "ca"))


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


def grow(authority: FieldAuthority) -> None:
    """Have a second root beside the first."""
    with authority.open() as opened, opened.database.transaction():
        now = datetime.now(UTC)
        opened.issuers.add(ROOT, name="new root", state="coming", now=now)


def notice(authority: FieldAuthority) -> bytes:
    with authority.open() as opened:
        return ca_notice.message(opened, registrar_identity.ensure(opened, "r1"))


def test_authorities_are_exchanged_by_a_message_under_the_old_ones_and_only_forward(desk: Desk) -> None:
    old = notice(desk.authority)
    same = renewal_program.authorities(desk.question("authorities", message=old.decode(), epoch=-1))
    kept = {"some": True, "changed": True, "refused": []}
    assert same == {"epoch": 1, "changed": False, "revoked": kept}
    grow(desk.authority)
    fresh = notice(desk.authority)
    said = renewal_program.authorities(desk.question("authorities", message=fresh.decode(), epoch=1))
    assert said == {"epoch": 2, "changed": True, "revoked": {"some": True, "changed": False, "refused": []}}
    assert len(certificates.read((desk.stage / "ca.crt").read_bytes())) == 3
    assert renewal_program.authorities(desk.question("authorities", message=old.decode(), epoch=2)) == {"epoch": None}


@pytest.mark.parametrize("field", ["bundle", "epoch", "signature", "signer", "crls"])
def test_a_message_about_authorities_that_was_changed_is_refused(desk: Desk, field: str) -> None:
    message = enrolment.decode_ca(notice(desk.authority))
    node = desk.authority.client("default/evil").certificate.read_text()
    changed = {
        "bundle": replace(message, bundle=message.bundle + node),
        "epoch": replace(message, epoch=99),
        "signature": replace(message, signature="AAAA"),
        "signer": replace(message, signer=node),
        "crls": replace(message, crls=""),
    }[field]
    question = desk.question("authorities", message=enrolment.encode_ca(changed).decode(), epoch=-1)
    with pytest.raises(EdgeletError):
        renewal_program.authorities(question)
    assert not (desk.stage / "ca.crt").exists()


def test_a_registrar_whose_certificate_has_ended_or_who_leaps_ahead_says_nothing_about_authorities(desk: Desk) -> None:
    message = notice(desk.authority).decode()
    late = (datetime.now(UTC) + timedelta(days=400)).timestamp()
    with pytest.raises(EdgeletError, match="has ended"):
        renewal_program.authorities(desk.question("authorities", message=message, epoch=-1, at_least=late))
    with pytest.raises(EdgeletError, match="too far"):
        renewal_program.authorities(desk.question("authorities", message=message, epoch=-50_000))
    assert not (desk.stage / "ca.crt").exists()


def test_a_registrar_cannot_have_a_leaf_trusted(desk: Desk) -> None:
    nonce, reply = desk.answered()
    leaf = desk.authority.client("default/evil").certificate.read_text().split("-----END CERTIFICATE-----\n")[0]
    with pytest.raises(EdgeletError, match="is no authority"):
        desk.accept(nonce, desk.signed(replace(reply, ca=f"{reply.ca}{leaf}-----END CERTIFICATE-----\n")))


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


# ---- revocation lists


def revoke(authority: FieldAuthority, name: str) -> None:
    with authority.open() as opened:
        revocation_lists.revoke(opened, name)


def fresh_lists(authority: FieldAuthority) -> None:
    with authority.open() as opened:
        revocation_lists.refresh(opened, force=True)


def known(desk: Desk) -> Revocations:
    found = revoked_file.read(desk.directory / "trusted.crt.revoked")
    assert not found.lost, found.trouble
    return found.known


def numbers(desk: Desk) -> list[int]:
    return sorted(one.number for one in known(desk).lists)


def hear(desk: Desk, message: bytes, **more: object) -> dict[str, Any]:
    return renewal_program.authorities(desk.question("authorities", message=message.decode(), **{"epoch": -1} | more))


def test_both_messages_bring_lists_and_nothing_is_written_where_nothing_is_new(desk: Desk) -> None:
    message = notice(desk.authority)
    assert hear(desk, message)["revoked"] == {"some": True, "changed": True, "refused": []}
    path = desk.directory / "trusted.crt.revoked"
    stamp = path.stat()
    assert hear(desk, message, epoch=1)["revoked"] == {"some": True, "changed": False, "refused": []}
    assert path.stat() == stamp
    before = numbers(desk)
    fresh_lists(desk.authority)
    said = desk.accept(*desk.answered())
    assert (said["certificate"], said["revoked"]) == (True, {"some": True, "changed": True, "refused": []})
    assert numbers(desk) == [one + 1 for one in before]


def test_a_registrar_that_was_revoked_is_not_believed_any_more(desk: Desk) -> None:
    nonce, reply = desk.answered()
    before = notice(desk.authority)
    revoke(desk.authority, "_registrar/r1")
    with desk.authority.open() as opened:
        other = ca_notice.message(opened, registrar_identity.ensure(opened, "r2"))
    assert hear(desk, other)["revoked"]["changed"]
    with pytest.raises(EdgeletError, match="was revoked"):
        hear(desk, before, epoch=1)
    with pytest.raises(EdgeletError, match="was revoked"):
        desk.accept(nonce, reply)
    assert not (desk.stage / "node.crt").exists()


def test_a_registrar_that_its_own_answer_says_is_revoked_is_not_believed_either(desk: Desk) -> None:
    with desk.authority.open() as opened:
        own = registrar_identity.ensure(opened, "r1")
        revocation_lists.revoke(opened, own.common_name)
        message = ca_notice.message(opened, own)
    with pytest.raises(EdgeletError, match="was revoked"):
        hear(desk, message)
    assert any(one.revoked for one in known(desk).lists)  # the authority said so


def test_a_certificate_for_us_that_was_revoked_meanwhile_is_not_taken(desk: Desk) -> None:
    nonce, reply = desk.answered()
    revoke(desk.authority, NODE)
    with desk.authority.open() as opened:
        hear(desk, ca_notice.message(opened, registrar_identity.ensure(opened, "r1")))
    with pytest.raises(EdgeletError, match="was revoked"):
        desk.accept(nonce, reply)


def test_an_issuing_certificate_that_the_root_has_revoked_vouches_for_nobody(desk: Desk) -> None:
    """The theft of its key: its own list is not given out any more, and is not needed."""
    stolen = notice(desk.authority)
    nonce, reply = desk.answered()
    with desk.authority.open() as opened:
        roll_over.begin(opened, "issuing")
        roll_over.use(opened)
        roll_over.drop(opened, "issuing", force=True)
        fresh = ca_notice.message(opened, registrar_identity.ensure(opened, "r1"))
    assert hear(desk, fresh)["revoked"]["changed"]
    with pytest.raises(EdgeletError, match="was revoked"):
        hear(desk, stolen, epoch=0)
    with pytest.raises(EdgeletError, match="was revoked"):
        desk.accept(nonce, reply)


def test_older_lists_in_a_true_message_are_refused_and_what_is_known_stays(desk: Desk) -> None:
    nonce, reply = desk.answered()  # with the lists as they are now
    revoke(desk.authority, "_registrar/r1")
    with desk.authority.open() as opened:
        hear(desk, ca_notice.message(opened, registrar_identity.ensure(opened, "r1")))
    before = known(desk)
    said = desk.accept(nonce, desk.signed(reply, "r2"))
    assert said["certificate"]
    (refused,) = said["revoked"]["refused"]
    assert "is older than" in refused
    assert known(desk) == before


def test_a_damaged_file_of_lists_costs_nothing_and_is_made_anew_from_the_message_that_is_known(desk: Desk) -> None:
    message = notice(desk.authority)
    hear(desk, message)
    before = known(desk)
    path = desk.directory / "trusted.crt.revoked"
    for damage in (b"", b"\0" * 400, path.read_bytes()[:-9]):
        path.write_bytes(damage)
        assert "cannot use" in revoked_file.read(path).trouble
        assert hear(desk, message, epoch=1)["revoked"]["changed"]
        assert known(desk) == before


def test_lists_that_cannot_be_written_do_not_cost_the_certificate(desk: Desk) -> None:
    (desk.directory / "trusted.crt.revoked").mkdir()
    said = desk.accept(*desk.answered())
    assert said["certificate"]
    assert "cannot write" in said["revoked"]["refused"][0]


def test_lists_of_a_root_that_comes_along_wait_until_it_is_trusted(desk: Desk) -> None:
    grow(desk.authority)
    message = notice(desk.authority)
    assert hear(desk, message)["revoked"] == {"some": True, "changed": True, "refused": []}
    assert len(known(desk).lists) == 2
    desk.trusted.write_bytes((desk.stage / "ca.crt").read_bytes())
    assert hear(desk, message, epoch=1)["revoked"] == {"some": True, "changed": True, "refused": []}
    assert len(known(desk).lists) == 3


def test_a_registrar_whose_certificate_had_ended_when_this_board_last_looked_says_nothing(desk: Desk) -> None:
    """An old key may tell an old time with its answer: the board knows that this is over."""
    nonce, reply = desk.answered()
    text = enrolment.encode_reply(reply).decode()
    late = (datetime.now(UTC) + timedelta(days=61)).timestamp()
    with pytest.raises(EdgeletError, match="ended at"):
        renewal_program.accept(desk.question("accept", answer=text, nonce=nonce, at_least=late))
    time = enrolment.encode_reply(desk.signed(replace(reply, certificate="", ca="", crls=""))).decode()
    assert renewal_program.accept(desk.question("accept", answer=time, nonce=nonce, at_least=late))["code"] == 200
    with pytest.raises(EdgeletError, match="ended at"):
        renewal_program.accept(desk.question("accept", answer=time, nonce=nonce, at_least=late, proven=late))
    a_year_ago = (datetime.now(UTC) - timedelta(days=365)).timestamp()
    assert renewal_program.accept(desk.question("accept", answer=text, nonce=nonce, at_least=a_year_ago))["certificate"]
