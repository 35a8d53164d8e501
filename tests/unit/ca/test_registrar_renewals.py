"""Who gets the next certificate, and who no other."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from edgelet.adapters.x509 import certificates, keys
from edgelet.api.enrolment import RenewRequest
from edgelet.api.enrolment_topics import Origin
from edgelet.ca import creation, registrar_identity, revocation_lists
from edgelet.ca.registrar import Policy, Registrar
from tests.fixtures.joiner import Joiner, renewal
from tests.unit.ca.registrar_desk import BOOT, NODE, Desk, ask, joined


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
