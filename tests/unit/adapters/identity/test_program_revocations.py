"""Which revocation lists the program takes, and whom it believes no more for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from edgelet.adapters.identity import renewal_program, revoked_file
from edgelet.api import enrolment
from edgelet.api.errors import EdgeletError
from edgelet.api.revocations import Revocations
from edgelet.ca import ca_notice, registrar_identity, revocation_lists, roll_over
from tests.fixtures.field import FieldAuthority
from tests.unit.adapters.identity.program_desk import NODE, Desk, grow, notice


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
    assert hear(desk, notice(desk.authority, "r2"))["revoked"]["changed"]
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
    hear(desk, notice(desk.authority))
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
    assert hear(desk, notice(desk.authority))["revoked"]["changed"]
    with pytest.raises(EdgeletError, match="was revoked"):
        hear(desk, stolen, epoch=0)
    with pytest.raises(EdgeletError, match="was revoked"):
        desk.accept(nonce, reply)


def test_nobody_misses_a_newer_list_of_an_authority_that_was_dropped(desk: Desk) -> None:
    hear(desk, notice(desk.authority))
    with desk.authority.open() as opened:
        gone = opened.issuers.all()[-1].certificate
        roll_over.begin(opened, "issuing")
        roll_over.use(opened)
        roll_over.drop(opened, "issuing", force=True)
    fresh = notice(desk.authority)
    hear(desk, fresh, epoch=1)
    (desk.stage / "ca.crt").replace(desk.directory / "trusted.crt")
    hear(desk, fresh, epoch=2)  # once more, as it is done when the new ones are trusted
    in_the_end = (datetime.now(UTC) + timedelta(days=5000)).timestamp()
    missed = [one.key for one in known(desk).ended(in_the_end)]
    assert len(missed) == 2
    assert gone.spki_digest not in missed
    assert gone.spki_digest in {one.key for one in known(desk).lists}, "what it revoked stays so"


def test_older_lists_in_a_true_message_are_refused_and_what_is_known_stays(desk: Desk) -> None:
    nonce, reply = desk.answered()  # with the lists as they are now
    revoke(desk.authority, "_registrar/r1")
    hear(desk, notice(desk.authority))
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
