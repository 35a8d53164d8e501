"""Who gets which certificate, and what everybody else is told."""

from __future__ import annotations

import itertools
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edgelet.adapters.x509 import certificates, chain, keys, registrar_signature, requests, revocation
from edgelet.api import enrolment
from edgelet.api.enrolment import RenewRequest, Reply, Request, TimeRequest
from edgelet.api.enrolment_topics import Origin
from edgelet.api.errors import ForbiddenError, InvalidObjectError
from edgelet.ca import (
    approvals,
    ca_notice,
    creation,
    join_lines,
    register,
    registrar_identity,
    revocation_lists,
    roll_over,
    tokens,
)
from edgelet.ca.authority import Authority
from edgelet.ca.desk import all_of as signing_requests
from edgelet.ca.registrar import Policy, Registrar
from tests.fixtures.joiner import Joiner, nonce, renewal

BOOT = Origin("edgelet/v1/_bootstrap/x/csr", "edgelet/v1/_bootstrap/x/cert", "")
WHERE = {"broker": "mqtts://b:8884", "link": "mqtts://b:8883", "prefix": "edgelet/v1"}
NODE = "default/pi-01"


@dataclass
class Desk:
    """An authority with a clock that a test moves, and a registrar."""

    directory: Path
    now: datetime = datetime(2030, 1, 1, tzinfo=UTC)

    def open(self, *, policy: Policy | None = None, name: str = "r1") -> Registrar:
        authority = Authority.open(self.directory, now=lambda: self.now, actor=f"registrar:{name}")
        own = registrar_identity.ensure(authority, name)
        ticks = itertools.count(0.0, 10.0)
        return Registrar(authority, signer=lambda: own, policy=policy or Policy(), monotonic_s=lambda: next(ticks))

    def token(self, node: str = NODE, *, ttl_s: float = 1800) -> str:
        with self.authority() as authority:
            return join_lines.create(authority, WHERE, node=node, ttl_s=ttl_s, any_ttl=False)

    def authority(self) -> Authority:
        return Authority.open(self.directory, now=lambda: self.now, actor="test")

    def audit(self, action: str) -> list[str]:
        with self.authority() as authority:
            return [one.outcome for one in authority.log() if one.action == action]

    def roots(self) -> tuple[certificates.Certificate, ...]:
        with self.authority() as authority:
            return certificates.read(authority.bundle())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path / "ca")
    creation.create(made.directory, now=lambda: made.now).close()
    return made


def ask(registrar: Registrar, request: Request, origin: Origin = BOOT) -> Reply:
    payload = registrar.answer(origin, enrolment.encode_request(request))
    assert payload is not None
    reply = enrolment.decode_reply(payload)
    assert reply.nonce == request.nonce
    return reply


def joined(desk: Desk, registrar: Registrar) -> tuple[Joiner, Reply]:
    joiner = Joiner(desk.token())
    reply = ask(registrar, joiner.join())
    assert reply.code == 200, reply.message
    return joiner, reply


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


def test_a_token_that_ended_is_told_to_who_knows_its_secret(desk: Desk) -> None:
    registrar = desk.open()
    joiner = Joiner(desk.token(ttl_s=600))
    desk.now += timedelta(seconds=601)
    reply = ask(registrar, joiner.join())
    assert (reply.code, reply.reason) == (410, "Expired")
    assert reply.is_authentic(joiner.token_keys)
    assert desk.audit("join") == ["Expired"]


def test_a_token_that_was_deleted_or_forgotten_is_unknown(desk: Desk) -> None:
    registrar = desk.open()
    joiner, kept = Joiner(desk.token()), Joiner(desk.token())
    with desk.authority() as authority:
        tokens.delete(authority.database, joiner.line.id, actor="test", now=desk.now)
        assert ask(registrar, joiner.join()).code == 403
        desk.now += timedelta(days=8)
        tokens.sweep(authority.database, desk.now)
        assert tokens.all_of(authority.database) == []
    assert ask(registrar, kept.join()).code == 403


def test_the_secret_is_not_in_the_authoritys_files_and_its_keys_go_with_the_token(desk: Desk) -> None:
    joiner = Joiner(desk.token())
    with desk.authority() as authority:
        (token,) = tokens.all_of(authority.database)
        assert token.keys == joiner.token_keys
        tokens.delete(authority.database, joiner.line.id, actor="test", now=desk.now)
        authority.database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    stored = b"".join(path.read_bytes() for path in desk.directory.iterdir())
    for secret in (joiner.line.secret, joiner.line.secret.hex().encode(), token.keys.request.hex().encode()):
        assert secret not in stored


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


def test_a_certificate_is_renewed_by_its_own_key_for_a_new_one(desk: Desk) -> None:
    registrar = desk.open()
    joiner, first = joined(desk, registrar)
    desk.now += timedelta(days=45)
    new_key = keys.generate()
    request = renewal(NODE, key=joiner.key, certificate=first.certificate, new_key=new_key)
    for origin in (Origin("t", "r", NODE), BOOT):
        reply = ask(registrar, request, origin)
        assert reply.code == 200, reply.message
        found = certificates.read(reply.certificate.encode())[0]
        assert found.key_digest == keys.digest(new_key.public_key())
        assert found.not_after > desk.now + timedelta(days=50)
    again = renewal(NODE, key=joiner.key, certificate=first.certificate, new_key=new_key)
    assert ask(registrar, again).certificate == reply.certificate


def test_a_certificate_that_ended_is_renewed_within_the_grace_only(desk: Desk) -> None:
    registrar = desk.open(policy=Policy(renew_grace=timedelta(days=365)))
    joiner, first = joined(desk, registrar)
    ended = certificates.read(first.certificate.encode())[0].not_after
    request = renewal(NODE, key=joiner.key, certificate=first.certificate, new_key=keys.generate())
    desk.now = ended + timedelta(days=366)
    assert ask(registrar, request).code == 403
    desk.now = ended + timedelta(days=364)
    assert ask(registrar, request).code == 200
    assert desk.audit("renew") == ["Forbidden"]


def test_a_renewal_by_a_stranger_is_refused(desk: Desk, tmp_path: Path) -> None:
    registrar = desk.open()
    joiner, first = joined(desk, registrar)
    thief, new_key = keys.generate(), keys.generate()

    def asked(
        node: str = NODE, *, key: keys.PrivateKey = joiner.key, new: keys.PrivateKey = new_key, csr_name: str = ""
    ) -> RenewRequest:
        return renewal(node, key=key, certificate=first.certificate, new_key=new, csr_name=csr_name)

    assert ask(registrar, asked(key=thief)).code == 403
    assert ask(registrar, asked("default/pi-02")).code == 422
    assert ask(registrar, asked(csr_name="default/pi-02")).code == 422
    assert ask(registrar, asked(new=joiner.key)).code == 422
    assert ask(registrar, asked(), Origin("t", "r", "default/pi-02")).code == 403
    assert ask(registrar, replace(asked(), csr=Joiner(joiner.text, thief).csr())).code == 403
    other = Desk(tmp_path / "other")
    creation.create(other.directory, now=lambda: other.now).close()
    impostor, foreign = joined(other, other.open())
    assert ask(registrar, renewal(NODE, key=impostor.key, certificate=foreign.certificate, new_key=new_key)).code == 403
    assert len(desk.audit("renew")) == 7


def test_a_revoked_certificate_is_not_renewed(desk: Desk) -> None:
    registrar = desk.open()
    joiner, first = joined(desk, registrar)
    with desk.authority() as authority:
        revocation_lists.revoke(authority, NODE)
    request = renewal(NODE, key=joiner.key, certificate=first.certificate, new_key=keys.generate())
    assert ask(registrar, request).code == 403


def test_an_older_key_does_not_bring_a_revoked_name_back(desk: Desk) -> None:
    registrar = desk.open()
    joiner, first = joined(desk, registrar)
    desk.now += timedelta(days=50)
    second_key = keys.generate()
    second = ask(registrar, renewal(NODE, key=joiner.key, certificate=first.certificate, new_key=second_key))
    desk.now += timedelta(days=20)  # the first has ended, and is on no revocation list
    with desk.authority() as authority:
        revocation_lists.revoke(authority, NODE, "keyCompromise")
    for key, certificate in ((joiner.key, first.certificate), (second_key, second.certificate)):
        request = renewal(NODE, key=key, certificate=certificate, new_key=keys.generate())
        assert ask(registrar, request).code == 403
    # A new token does, and what came of it is renewed.
    desk.now += timedelta(seconds=1)
    again, third = joined(desk, registrar)
    request = renewal(NODE, key=again.key, certificate=third.certificate, new_key=keys.generate())
    assert ask(registrar, request).code == 200


def test_revoking_an_old_certificate_does_not_shut_out_the_board(desk: Desk) -> None:
    registrar = desk.open()
    joiner, first = joined(desk, registrar)
    desk.now += timedelta(days=45)
    new_key = keys.generate()
    second = ask(registrar, renewal(NODE, key=joiner.key, certificate=first.certificate, new_key=new_key))
    with desk.authority() as authority:
        revocation_lists.revoke(authority, certificates.read(first.certificate.encode())[0].serial)
    request = renewal(NODE, key=new_key, certificate=second.certificate, new_key=keys.generate())
    assert ask(registrar, request).code == 200


def test_one_node_gets_no_end_of_certificates_and_fills_no_audit_log(desk: Desk) -> None:
    with desk.authority() as authority:
        own = registrar_identity.ensure(authority, "r1")
        registrar = Registrar(authority, signer=lambda: own, policy=Policy(), monotonic_s=lambda: 0.0)
        joiner, first = joined(desk, registrar)
        requests = [
            renewal(NODE, key=joiner.key, certificate=first.certificate, new_key=keys.generate()) for _ in range(60)
        ]
        codes = [ask(registrar, request).code for request in requests]
        assert codes == [200] * 20 + [429] * 40
        assert ask(registrar, requests[19]).code == 200  # the answer that was lost
        desk.now += timedelta(days=2)
        assert ask(registrar, requests[-1]).code == 200
    assert len(desk.audit("renew")) == 20


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


@pytest.mark.parametrize("ttl_s", [0, 599, 3601, -5])
def test_a_tokens_life_has_bounds(desk: Desk, ttl_s: float) -> None:
    with pytest.raises(InvalidObjectError, match="10m to 60m"):
        desk.token(ttl_s=ttl_s)


@pytest.mark.parametrize("node", ["pi-01", "default/_ctl", "_registrar/x", "a/b/c", "Default/pi", "a/" + "b" * 63])
def test_a_token_is_for_a_node_only(desk: Desk, node: str) -> None:
    with pytest.raises(InvalidObjectError):
        desk.token(node)


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


def test_answers_fit_while_authorities_are_rolled_over_and_too_many_are_told(desk: Desk) -> None:
    registrar = desk.open()
    joiner, _ = joined(desk, registrar)
    codes = []
    for _ in range(18):
        with desk.authority() as authority:
            roll_over.begin(authority, "issuing")
            roll_over.use(authority)
        codes.append(ask(registrar, joiner.join()).code)
    assert codes[:5] == [200] * 5
    assert codes[-1] == 503


def test_a_board_that_knows_the_old_root_only_believes_a_registrar_of_the_new_one(desk: Desk) -> None:
    before = desk.roots()
    joiner, first = joined(desk, desk.open())
    with desk.authority() as authority:
        roll_over.begin(authority, "root")
        roll_over.begin(authority, "issuing")
        roll_over.use(authority)
    request = renewal(NODE, key=joiner.key, certificate=first.certificate, new_key=keys.generate())
    reply = ask(desk.open(), request)
    assert reply.code == 200
    assert reply.signer != first.signer
    registrar_signature.check(
        reply.covered(), signer=reply.signer, signature=reply.signature, trusted=before, now=desk.now
    )
    assert len(certificates.read(reply.ca.encode())) == 4


def lists_of(pem: str, authority: Authority) -> dict[str, int]:
    """How many each names, by issuer."""
    lists, wrong = revocation.known(pem.encode(), certificates.read(authority.bundle()))
    assert wrong == ()
    return {one.issuer.rpartition(" ")[0]: len(one.revoked) for one in lists}


def test_boards_get_the_revocation_lists_with_a_grant_and_with_the_notice(desk: Desk) -> None:
    with desk.authority() as authority:
        revocation_lists.revoke(authority, registrar_identity.ensure(authority, "r2").common_name)
        own = registrar_identity.ensure(authority, "r1")
        _, reply = joined(desk, desk.open())
        notice = enrolment.decode_ca(ca_notice.message(authority, own))
        for text in (reply.crls, notice.crls):
            assert sorted(lists_of(text, authority).values()) == [0, 1]


def test_lists_that_are_too_long_are_left_out_and_cost_no_certificate(desk: Desk) -> None:
    with desk.authority() as authority:
        for number in range(250):
            key = keys.generate()
            authority.issue_client(requests.make(key, f"gone/n{number}"), f"gone/n{number}", reason="test")
            found = register.named(authority.database, f"gone/n{number}")[0]
            register.revoke(authority.database, found, at=authority.now(), reason="unspecified")
        revocation_lists.refresh(authority, force=True)
        _, reply = joined(desk, desk.open())
        assert reply.code == 200
        assert list(lists_of(reply.crls, authority).values()) == [0]  # the root's
        notice = enrolment.decode_ca(ca_notice.message(authority, registrar_identity.ensure(authority, "r1")))
        assert sorted(lists_of(notice.crls, authority).values()) == [0, 250]


def test_each_new_bundle_or_list_has_a_higher_number(desk: Desk) -> None:
    with desk.authority() as authority:
        own = registrar_identity.ensure(authority, "r1")
        numbers = [ca_notice.epoch(authority), ca_notice.epoch(authority)]
        roll_over.begin(authority, "issuing")
        notice = enrolment.decode_ca(ca_notice.message(authority, own))
        roll_over.drop(authority, "issuing")
        numbers += [notice.epoch, ca_notice.epoch(authority)]
        revocation_lists.revoke(authority, own.common_name)
        numbers.append(ca_notice.epoch(authority))
        revocation_lists.refresh(authority, force=True)
        numbers.append(ca_notice.epoch(authority))
        assert numbers == [1, 1, 2, 3, 4, 5]
        joined(desk, desk.open())
        assert ca_notice.topics(authority, "edgelet/v1") == [f"edgelet/v1/{NODE}/cert/issued/ca"]
