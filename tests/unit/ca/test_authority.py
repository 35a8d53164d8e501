from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from edgelet.adapters.x509 import certificates, chain, keys
from edgelet.api.errors import ConflictError, ForbiddenError, InvalidObjectError, NotFoundError
from edgelet.ca import revocation_lists
from edgelet.ca.authority import Authority
from edgelet.ca.creation import create
from edgelet.ca.issuers import AuthorityKeyError
from tests.unit.ca.conftest import DAY, START, Hand, csr

# Issuing -------------------------------------------------------------------------------------------------------------


def test_a_node_gets_a_chain_that_leads_to_the_bundle(authority: Authority) -> None:
    issued = authority.issue_node(csr("acme/pi"), "acme/pi", reason="token 1")
    given = certificates.read(issued.certificate_pem)
    chain.verify(given, certificates.read(authority.bundle()), usage="clientAuth", now=START)
    assert given[0].common_name == issued.common_name == "acme/pi"
    assert given[0].usages == {"clientAuth"}
    assert issued.not_after == START + 60 * DAY
    assert issued.not_before == START - dt.timedelta(hours=1)
    record = authority.find(issued.serial)
    assert record is not None
    assert (record.role, record.reason, record.state(START)) == ("node", "token 1", "Valid")
    assert [(entry.action, entry.subject, entry.outcome) for entry in authority.log()][-1] == ("issue", "acme/pi", "ok")


def test_who_asks_again_with_the_same_key_gets_the_same_answer(authority: Authority, clock: Hand) -> None:
    request = csr("acme/pi")
    first = authority.issue_node(request, "acme/pi", reason="test")
    clock.on(30)
    assert authority.issue_node(request, "acme/pi", reason="test") == first
    assert len(authority.records()) == 1
    clock.on(31)
    with pytest.raises(ConflictError, match="ended"):
        authority.issue_node(request, "acme/pi", reason="test")


def test_a_key_belongs_to_one_name(authority: Authority) -> None:
    key = keys.generate()
    authority.issue_node(csr("acme/pi", key), "acme/pi", reason="test")
    with pytest.raises(ConflictError, match="another name"):
        authority.issue_node(csr("acme/pi-2", key), "acme/pi-2", reason="test")


@pytest.mark.parametrize(
    ("asked", "node"),
    [("acme/pi", "acme/pi-2"), ("acme/pi", "acme/_pi"), ("_registrar/x", "_registrar/x"), ("acme/_c", "acme/_c")],
)
def test_a_node_gets_no_other_name(authority: Authority, asked: str, node: str) -> None:
    with pytest.raises(InvalidObjectError):
        authority.issue_node(csr(asked), node, reason="test")
    assert authority.records() == []


def test_roles_follow_from_the_name(authority: Authority) -> None:
    for name, role in (
        ("a/b", "node"),
        ("a/_b", "controller"),
        ("_registrar/r", "registrar"),
        ("_join/j", "join-broker"),
    ):
        issued = authority.issue_client(csr(name), name, reason="test", days=1)
        record = authority.find(issued.serial)
        assert record is not None
        assert record.role == role
        assert record.not_after == START + DAY


def test_a_certificate_ends_no_later_than_its_issuer(authority: Authority, clock: Hand) -> None:
    clock.on(5 * 365 - 10)
    issued = authority.issue_node(csr("acme/pi"), "acme/pi", reason="test")
    issuer = authority.issuers.trusted("issuing", clock())[0].certificate
    assert issued.not_after == issuer.not_after
    clock.on(11)
    with pytest.raises(AuthorityKeyError, match="edgelet ca roll"):
        authority.issue_node(csr("acme/pj"), "acme/pj", reason="test")


def test_a_broker_gets_its_hosts_and_may_keep_its_key(authority: Authority) -> None:
    key = keys.generate()
    found = [authority.issue_broker(csr("any", key), ["b.example", "10.1.1.1"], reason="test") for _ in range(2)]
    leaf, *_ = certificates.read(found[0].certificate_pem)
    assert leaf.hosts == ("b.example", "10.1.1.1")
    assert leaf.usages == {"serverAuth"}
    assert found[0].serial != found[1].serial


def test_serials_are_found_however_people_write_them(authority: Authority) -> None:
    issued = authority.issue_node(csr("acme/pi"), "acme/pi", reason="test")
    upper = issued.serial.upper()
    colons = ":".join(upper[at : at + 2] for at in range(0, len(upper), 2))
    for written in (issued.serial, upper, f"00{upper}", colons):
        assert authority.named(written)[0].serial == issued.serial
    assert authority.named(issued.serial[:8])[0].serial == issued.serial
    for unknown in ("", issued.serial[:7], "acme", "f" * 40):
        with pytest.raises(NotFoundError):
            authority.named(unknown)


# Renewing ------------------------------------------------------------------------------------------------------------


def test_a_present_certificate_gets_the_next_one(authority: Authority, clock: Hand) -> None:
    first = authority.issue_node(csr("acme/pi"), "acme/pi", reason="test")
    clock.on(45)
    request = csr("acme/pi")
    renewed = authority.renew(request, present=first.certificate_pem, grace=dt.timedelta(0), reason="renewal")
    assert renewed.not_after == START + 105 * DAY
    # the answer was lost: the same again
    assert authority.renew(request, present=first.certificate_pem, grace=dt.timedelta(0), reason="renewal") == renewed
    assert [record.serial for record in authority.named("acme/pi")] == [renewed.serial, first.serial]


def test_an_ended_certificate_is_renewed_within_the_grace_only(authority: Authority, clock: Hand) -> None:
    first = authority.issue_node(csr("acme/pi"), "acme/pi", reason="test")
    clock.on(60 + 365)
    with pytest.raises(ForbiddenError, match="new join token"):
        authority.renew(csr("acme/pi"), present=first.certificate_pem, grace=364 * DAY, reason="renewal")
    assert authority.renew(csr("acme/pi"), present=first.certificate_pem, grace=365 * DAY, reason="renewal").serial
    for_ever = dt.timedelta.max / 2  # beyond the last year there is
    assert authority.renew(csr("acme/pi"), present=first.certificate_pem, grace=for_ever, reason="renewal").serial


def test_a_renewal_needs_a_new_key_and_the_same_name(authority: Authority) -> None:
    key = keys.generate()
    first = authority.issue_node(csr("acme/pi", key), "acme/pi", reason="test")
    grace = dt.timedelta(0)
    with pytest.raises(InvalidObjectError, match="must be a new key"):
        authority.renew(csr("acme/pi", key), present=first.certificate_pem, grace=grace, reason="renewal")
    with pytest.raises(InvalidObjectError, match="another name"):
        authority.renew(csr("acme/pj"), present=first.certificate_pem, grace=grace, reason="renewal")


def test_only_a_clients_certificate_of_ours_that_stands_is_renewed(authority: Authority, tmp_path: Path) -> None:
    grace = 1000 * DAY
    with create(tmp_path / "other", now=authority.now) as other:
        foreign = other.issue_node(csr("acme/pi"), "acme/pi", reason="test")
    broker = authority.issue_broker(csr("acme/pi"), ["b"], reason="test")
    for present in (foreign, broker):
        with pytest.raises(ForbiddenError, match="not one that this authority"):
            authority.renew(csr("acme/pi"), present=present.certificate_pem, grace=grace, reason="renewal")
    lost = authority.issue_node(csr("acme/pi"), "acme/pi", reason="test")
    revocation_lists.revoke(authority, "acme/pi", "keyCompromise")
    with pytest.raises(ForbiddenError, match="revoked: keyCompromise"):
        authority.renew(csr("acme/pi"), present=lost.certificate_pem, grace=grace, reason="renewal")
    with pytest.raises(InvalidObjectError):
        authority.renew(csr("acme/pi"), present=b"x", grace=grace, reason="renewal")


# One transaction -----------------------------------------------------------------------------------------------------


def test_what_a_caller_does_with_an_issue_is_one_step(authority: Authority) -> None:
    """As a registrar does: the token is used up exactly if the certificate is there."""

    def use_up(*, then: Callable[[], None]) -> None:
        with authority.database.transaction():
            authority.database.keep("token", "used")
            authority.issue_node(csr("acme/pi"), "acme/pi", reason="test")
            then()

    def stumble() -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        use_up(then=stumble)
    assert authority.records() == []
    assert authority.database.fact("token") is None
    use_up(then=lambda: None)
    assert authority.database.fact("token") == "used"
    assert len(authority.records()) == 1


def test_what_is_refused_is_written_down(authority: Authority) -> None:
    with pytest.raises(InvalidObjectError), authority.audited("issue", "acme/pi"):
        authority.issue_node(b"x", "acme/pi", reason="test")
    entry = authority.log()[-1]
    assert (entry.actor, entry.action, entry.subject, entry.outcome) == ("test", "issue", "acme/pi", "Invalid")


def test_the_login_of_the_join_listener_is_made_once(authority: Authority, clock: Hand) -> None:
    login = authority.join_login()
    assert login.user == "bootstrap"
    assert len(login.password) >= 32
    with Authority.open(authority.directory, now=clock) as again:
        assert again.join_login() == login
