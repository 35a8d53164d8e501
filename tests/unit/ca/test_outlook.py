from __future__ import annotations

from edgelet.ca import outlook, revocation_lists, roll_over
from edgelet.ca.authority import Authority
from tests.unit.ca.conftest import Hand, csr


def test_a_controller_that_nobody_renews_is_told_of_two_weeks_ahead(authority: Authority, clock: Hand) -> None:
    authority.issue_client(csr("acme/_c"), "acme/_c", reason="test")
    authority.issue_node(csr("acme/pi"), "acme/pi", reason="test")
    clock.on(45)
    assert outlook.soon(authority) == ()
    clock.on(2)
    (said,) = outlook.soon(authority)
    assert said == "the certificate of acme/_c ends at 2026-07-31: edgelet ca issue acme/_c"
    authority.issue_client(csr("acme/_c"), "acme/_c", reason="test")
    assert outlook.soon(authority) == ()


def test_a_short_life_is_told_of_in_its_last_third(authority: Authority, clock: Hand) -> None:
    authority.issue_client(csr("acme/_c"), "acme/_c", reason="test", days=6)
    clock.on(3.9)
    assert outlook.soon(authority) == ()
    clock.on(0.2)
    assert len(outlook.soon(authority)) == 1
    revocation_lists.revoke(authority, "acme/_c")
    assert outlook.soon(authority) == ()


def test_an_issuing_certificate_is_told_of_before_it_cuts_lives_short(authority: Authority, clock: Hand) -> None:
    clock.on(5 * 365 - 121)
    assert outlook.soon(authority) == ()
    clock.on(2)
    (said,) = outlook.soon(authority)
    assert said.startswith("issuing ends at 2031-05-31: ")
    assert said.endswith("edgelet ca roll issuing")
    roll_over.begin(authority, "issuing")
    assert outlook.soon(authority) == ()


def test_the_last_year_of_a_root_is_told_of(authority: Authority, clock: Hand) -> None:
    clock.on(19 * 365 + 1)
    assert [said.split()[0] for said in outlook.soon(authority)] == ["root"]
