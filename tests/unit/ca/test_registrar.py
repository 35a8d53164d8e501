"""Who gets which certificate, and what everybody else is told."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta

import pytest

from edgelet.adapters.x509 import certificates, chain, keys, registrar_signature
from edgelet.api import enrolment
from edgelet.api.enrolment import TimeRequest
from edgelet.api.errors import ForbiddenError
from edgelet.ca import approvals, registrar_identity, revocation_lists
from edgelet.ca.desk import all_of as signing_requests
from edgelet.ca.registrar import Policy, Registrar
from tests.fixtures.joiner import Joiner, nonce
from tests.unit.ca.registrar_desk import BOOT, NODE, Desk, ask, joined


def test_a_token_gives_a_certificate_for_its_name_and_the_askers_key(desk: Desk) -> None:
    joiner, reply = joined(desk, desk.open())
    assert reply.is_authentic(joiner.token_keys)
    registrar_signature.check(
        reply.covered(), signer=reply.signer, signature=reply.signature, trusted=desk.roots(), now=desk.now
    )
    found = certificates.read(reply.certificate.encode())
    chain.verify(found, certificates.read(reply.ca.encode()), usage="clientAuth", now=desk.now)
    assert (found[0].common_name, found[0].key_digest) == (NODE, keys.digest(joiner.key.public_key()))
    assert desk.audit("join") == []
    assert desk.audit("issue") == ["ok", "ok"]  # the registrar's own, the node's


def test_the_same_key_gets_the_same_certificate_again_also_after_the_tokens_end(desk: Desk) -> None:
    registrar = desk.open()
    joiner, first = joined(desk, registrar)
    for _ in range(2):
        assert ask(registrar, joiner.join()).certificate == first.certificate
        desk.now += timedelta(hours=2)
    assert desk.audit("issue").count("ok") == 2
    assert desk.audit("join") == ["Repeated", "Repeated"]


def test_another_key_is_refused_although_the_mac_is_right(desk: Desk) -> None:
    registrar = desk.open()
    joiner, _ = joined(desk, registrar)
    reply = ask(registrar, Joiner(joiner.text).join())
    assert (reply.code, reply.reason, reply.certificate) == (409, "Conflict", "")
    assert reply.is_authentic(joiner.token_keys)
    assert desk.audit("join") == ["Conflict"]


def test_another_name_is_refused_in_the_request_and_in_the_csr(desk: Desk) -> None:
    registrar = desk.open()
    joiner = Joiner(desk.token())
    assert ask(registrar, joiner.join(node="default/pi-02")).code == 422
    assert ask(registrar, joiner.join(csr=joiner.csr("default/pi-02"))).code == 422
    assert desk.audit("join") == ["Invalid", "Invalid"]
    assert ask(registrar, joiner.join()).code == 200  # a mistake does not use the token up


@pytest.mark.parametrize("field", ["node", "csr", "nonce", "mac", "token"])
def test_a_request_that_was_changed_is_refused_without_a_mac(desk: Desk, field: str) -> None:
    registrar = desk.open()
    joiner, other = Joiner(desk.token()), Joiner(desk.token())
    strange = {"node": "default/pi-02", "csr": other.csr(), "nonce": nonce(), "mac": "0" * 64, "token": other.line.id}
    reply = ask(registrar, replace(joiner.join(), **{field: strange[field]}))
    assert (reply.code, reply.mac, reply.certificate) == (403, "", "")
    assert desk.audit("join") == ["Forbidden"]


def test_an_unknown_token_and_a_wrong_mac_get_the_same_answer(desk: Desk) -> None:
    registrar = desk.open()
    request = replace(Joiner(desk.token()).join(), mac="0" * 64)
    known, unknown = ask(registrar, request), ask(registrar, replace(request, token="f" * 16))
    assert replace(known, signature="") == replace(unknown, signature="")
    # A used and an ended one neither.
    joined(desk, registrar)
    desk.now += timedelta(hours=2)
    assert replace(ask(registrar, request), signature="", time=0) == replace(known, signature="", time=0)


def test_a_revoked_boards_token_gives_nothing_again(desk: Desk) -> None:
    registrar = desk.open()
    joiner, _ = joined(desk, registrar)
    with desk.authority() as authority:
        revocation_lists.revoke(authority, NODE, "keyCompromise")
    assert ask(registrar, joiner.join()).code == 403


def test_two_registrars_give_one_certificate(desk: Desk) -> None:
    one, two = desk.open(name="r1"), desk.open(name="r2")
    joiner = Joiner(desk.token())
    request = joiner.join()
    first, second = ask(one, request), ask(two, request)
    assert first.certificate == second.certificate
    assert first.signer != second.signer
    assert second.is_authentic(joiner.token_keys)
    assert ask(two, Joiner(joiner.text).join()).code == 409


def test_a_person_may_have_to_approve(desk: Desk) -> None:
    registrar = desk.open(policy=Policy(approve_joins=False))
    joiner = Joiner(desk.token())
    waiting = ask(registrar, joiner.join())
    assert (waiting.code, waiting.certificate) == (202, "")
    assert waiting.is_authentic(joiner.token_keys)
    assert ask(registrar, joiner.join()).code == 202
    assert ask(registrar, Joiner(joiner.text).join()).code == 409
    assert desk.audit("join") == ["Pending", "Repeated", "Conflict"]
    desk.now += timedelta(hours=3)  # longer than the token lives: it was used in time
    with desk.authority() as authority:
        (request,) = signing_requests(authority.database)
        approvals.approve(authority, request.id)
    granted = ask(registrar, joiner.join())
    assert granted.code == 200
    assert ask(registrar, joiner.join()).certificate == granted.certificate


def test_what_a_person_denied_stays_denied(desk: Desk) -> None:
    registrar = desk.open(policy=Policy(approve_joins=False))
    joiner = Joiner(desk.token())
    ask(registrar, joiner.join())
    with desk.authority() as authority:
        approvals.deny(authority, signing_requests(authority.database)[0].id, message="who is that?")
    reply = ask(registrar, joiner.join())
    assert reply.code == 403
    assert "who is that?" in reply.message


def test_the_time_is_signed(desk: Desk) -> None:
    reply = ask(desk.open(), TimeRequest(nonce=nonce()))
    assert (reply.code, reply.time, reply.certificate) == (200, int(desk.now.timestamp()), "")
    for told in (reply, replace(reply, time=1)):
        with pytest.raises(ForbiddenError) if told != reply else nullcontext():
            registrar_signature.check(
                told.covered(), signer=told.signer, signature=told.signature, trusted=desk.roots(), now=None
            )


def test_a_nodes_certificate_signs_no_answer(desk: Desk) -> None:
    joiner, first = joined(desk, desk.open())
    covered = TimeRequest(nonce=nonce()).nonce.encode()
    with pytest.raises(Exception, match="it is no registrar"):
        registrar_signature.check(
            covered,
            signer=first.certificate,
            signature=registrar_signature.make(joiner.key, covered),
            trusted=desk.roots(),
            now=None,
        )


def test_what_is_no_request_is_refused_where_it_can_be_and_silent_elsewhere(desk: Desk) -> None:
    registrar = desk.open()
    assert registrar.answer(BOOT, b"\x00") is None
    payload = registrar.answer(BOOT, b'{"v": 1, "kind": "join", "nonce": "' + b"0" * 32 + b'"}')
    assert payload is not None
    assert enrolment.decode_reply(payload).code == 400


def test_a_flood_of_strangers_does_not_fill_the_audit_log(desk: Desk) -> None:
    with desk.authority() as authority:
        own = registrar_identity.ensure(authority, "r1")
        registrar = Registrar(authority, signer=lambda: own, policy=Policy(), monotonic_s=lambda: 0.0)
        request = replace(Joiner(desk.token()).join(), mac="0" * 64)
        for _ in range(100):
            assert ask(registrar, request).code == 403
    assert len(desk.audit("join")) == 60


def test_a_broken_database_is_told_and_ends_nothing(desk: Desk) -> None:
    registrar = desk.open()
    joiner = Joiner(desk.token())
    registrar._authority.database.close()
    assert ask(registrar, joiner.join()).code == 503


@pytest.mark.parametrize("damage", [b"", b"half a key", None])
def test_an_authority_that_cannot_sign_has_boards_ask_again_and_shows_them_no_path(
    desk: Desk, damage: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    with desk.authority() as authority:
        own = registrar_identity.ensure(authority, "r1")
    path = desk.directory / "issuing.key"
    good = path.read_bytes()
    path.unlink()
    if damage is not None:
        path.write_bytes(damage)
    with desk.authority() as authority:
        registrar = Registrar(authority, signer=lambda: own, policy=Policy(), monotonic_s=lambda: 0.0)
        joiner = Joiner(desk.token())
        reply = ask(registrar, joiner.join())
        assert (reply.code, reply.reason) == (503, "ServiceUnavailable")
        assert str(desk.directory) not in reply.message
        assert str(path) in caplog.text
        path.write_bytes(good)
        assert ask(registrar, joiner.join()).code == 200


def test_a_registrars_own_certificate_is_renewed_in_time_and_its_name_is_its_own(desk: Desk) -> None:
    with desk.authority() as authority:
        first = registrar_identity.ensure(authority, "r1")
        assert registrar_identity.ensure(authority, "r1").chain == first.chain
        desk.now += timedelta(days=41)
        second = registrar_identity.ensure(authority, "r1")
        assert second.not_after > first.not_after
        assert second.key_file.stat().st_mode & 0o777 == 0o600
        registrar_identity.hold_name(desk.directory, "r1")
        registrar_identity.hold_name(desk.directory, "r2")
        with pytest.raises(Exception, match="runs already"):
            registrar_identity.hold_name(desk.directory, "r1")
