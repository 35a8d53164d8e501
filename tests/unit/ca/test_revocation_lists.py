"""What is taken back, and the lists that say so."""

from __future__ import annotations

import datetime as dt

import pytest

from edgelet.adapters.x509 import keys, revocation
from edgelet.adapters.x509.revocation import RevocationList
from edgelet.api.errors import ForbiddenError, InvalidObjectError
from edgelet.ca import revocation_lists
from edgelet.ca.authority import Authority
from tests.unit.ca.conftest import DAY, START, Hand, csr


def lists(authority: Authority) -> tuple[RevocationList, ...]:
    return revocation.read(authority.crl(), [one.certificate for one in authority.issuers.all()])


def test_a_revoked_certificate_is_in_the_list_at_once(authority: Authority) -> None:
    lost = authority.issue_node(csr("acme/pi"), "acme/pi", reason="test")
    kept = authority.issue_node(csr("acme/pj"), "acme/pj", reason="test")
    number = lists(authority)[0].number
    (record,) = revocation_lists.revoke(authority, lost.serial, "keyCompromise")
    assert (record.state(START), record.revoked_reason) == ("Revoked", "keyCompromise")
    assert lists(authority)[0].serials == {lost.serial}
    assert lists(authority)[0].number == number + 1
    assert (authority.directory / "crl.pem").read_bytes() == authority.crl()
    assert authority.shut_out() == ["acme/pi"]
    assert authority.find(kept.serial) is not None


def test_a_name_is_revoked_with_all_its_good_certificates(authority: Authority, clock: Hand) -> None:
    authority.issue_node(csr("acme/pi"), "acme/pi", reason="ends soon", days=1)
    clock.on(2)
    good = [authority.issue_node(csr("acme/pi"), "acme/pi", reason="test").serial for _ in range(2)]
    assert {record.serial for record in revocation_lists.revoke(authority, "acme/pi")} == set(good)
    number = lists(authority)[0].number
    assert {record.serial for record in revocation_lists.revoke(authority, "acme/pi")} == set(good)  # nothing more
    assert lists(authority)[0].number == number
    with pytest.raises(InvalidObjectError, match="must be one of"):
        revocation_lists.revoke(authority, "acme/pi", "removeFromCRL")


def test_a_revoked_key_never_comes_back_and_its_name_may(authority: Authority) -> None:
    key = keys.generate()
    authority.issue_node(csr("acme/pi", key), "acme/pi", reason="test")
    revocation_lists.revoke(authority, "acme/pi")
    with pytest.raises(ForbiddenError, match="make a new key"):
        authority.issue_node(csr("acme/pi", key), "acme/pi", reason="test")
    authority.issue_node(csr("acme/pi"), "acme/pi", reason="test")
    assert authority.shut_out() == []


def test_lists_are_made_anew_when_a_third_of_their_life_is_gone(authority: Authority, clock: Hand) -> None:
    def next_updates() -> list[dt.datetime]:
        return [one.next_update for one in lists(authority)]

    first = next_updates()
    assert first == [START + 30 * DAY, START + 365 * DAY]
    clock.on(9.9)
    assert revocation_lists.refresh(authority) == ()
    assert next_updates() == first
    clock.on(0.2)
    revocation_lists.refresh(authority)
    assert next_updates() == [clock() + 30 * DAY, START + 365 * DAY]
    clock.on(120)
    revocation_lists.refresh(authority)
    assert next_updates() == [clock() + 30 * DAY, clock() + 365 * DAY]
    assert (authority.directory / "crl.pem").read_bytes() == authority.crl()


def test_a_root_key_in_a_safe_is_missed_only_when_its_list_is_due(authority: Authority, clock: Hand) -> None:
    key = authority.directory / "root.key"
    key.rename(key.with_name("safe"))
    with Authority.open(authority.directory, now=clock) as again:
        clock.on(11)
        assert revocation_lists.refresh(again) == ()
        assert again.issue_node(csr("acme/pi"), "acme/pi", reason="test").serial
        clock.on(120)
        (problem,) = revocation_lists.refresh(again)
        assert "bring root.key back" in problem
        key.with_name("safe").rename(key)
        assert revocation_lists.refresh(again) == ()


def test_what_has_ended_leaves_the_list_when_one_more_was_made(authority: Authority, clock: Hand) -> None:
    lost = authority.issue_node(csr("acme/pi"), "acme/pi", reason="test")
    revocation_lists.revoke(authority, "acme/pi")
    clock.on(89)
    revocation_lists.refresh(authority)
    assert lists(authority)[0].serials == {lost.serial}
    clock.on(11)
    revocation_lists.refresh(authority)
    assert lists(authority)[0].serials == frozenset()
    with pytest.raises(ForbiddenError, match="revoked"):  # the database does not forget
        authority.check_present(lost.certificate_pem, grace=1000 * DAY)


def test_files_that_a_killed_process_left_old_are_mended(authority: Authority) -> None:
    for name in ("ca.crt", "crl.pem"):
        (authority.directory / name).write_text("old")
    revocation_lists.refresh(authority)
    assert (authority.directory / "ca.crt").read_bytes() == authority.bundle()
    assert (authority.directory / "crl.pem").read_bytes() == authority.crl()
