"""What boards are told of authorities and revocation lists."""

from __future__ import annotations

from edgelet.adapters.x509 import certificates, keys, registrar_signature, requests, revocation
from edgelet.api import enrolment
from edgelet.ca import (
    ca_notice,
    register,
    registrar_identity,
    revocation_lists,
    roll_over,
)
from edgelet.ca.authority import Authority
from tests.fixtures.joiner import renewal
from tests.unit.ca.registrar_desk import NODE, Desk, ask, joined


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
