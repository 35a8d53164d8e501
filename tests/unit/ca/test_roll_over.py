from __future__ import annotations

import pytest

from edgelet.adapters.x509 import certificates, chain, revocation
from edgelet.adapters.x509.certificates import Certificate
from edgelet.api.errors import ConflictError, ForbiddenError, NotFoundError
from edgelet.ca import revocation_lists, roll_over
from edgelet.ca.authority import Authority
from edgelet.ca.issuers import AuthorityKeyError
from tests.unit.ca.conftest import Hand, csr


def names(pem: bytes) -> list[str]:
    return [one.common_name.split(" ", 2)[2] for one in certificates.read(pem)]


def states(authority: Authority) -> dict[str, str]:
    return {one.file_stem: one.state for one in authority.issuers.all()}


def verify(pem: bytes, trusted: tuple[Certificate, ...] | list[Certificate], usage: str, clock: Hand) -> None:
    chain.verify(certificates.read(pem), trusted, usage=usage, now=clock())


def test_a_new_issuing_certificate_is_known_before_it_is_used(authority: Authority, clock: Hand) -> None:
    before = authority.issue_node(csr("a/one"), "a/one", reason="test")
    made = roll_over.begin(authority, "issuing")
    assert names(authority.bundle()) == ["root 1", "issuing 1", "issuing 2"]
    everyone = [one.certificate for one in authority.issuers.all()]
    assert len(revocation.read(authority.crl(), everyone)) == 3
    waiting = authority.issue_node(csr("a/two"), "a/two", reason="test")
    assert certificates.read(waiting.certificate_pem)[1] == certificates.read(before.certificate_pem)[1]
    assert roll_over.use(authority).serial == made.serial
    after = authority.issue_node(csr("a/three"), "a/three", reason="test")
    assert certificates.read(after.certificate_pem)[1] == made.certificate
    for issued in (before, waiting, after):  # all of them stand, under what boards and brokers trust now
        verify(issued.certificate_pem, certificates.read(authority.bundle()), "clientAuth", clock)
    assert states(authority) == {"root": "current", "issuing": "former", "issuing-2": "current"}
    assert (authority.directory / "issuing-2.crt").read_bytes() == made.certificate.pem()
    assert (authority.directory / "issuing-2.key").stat().st_mode & 0o777 == 0o600


def test_what_the_old_one_issued_is_still_revoked_in_its_list(authority: Authority) -> None:
    lost = authority.issue_node(csr("a/one"), "a/one", reason="test")
    roll_over.begin(authority, "issuing")
    roll_over.use(authority)
    revocation_lists.revoke(authority, "a/one")
    found = revocation.read(authority.crl(), [one.certificate for one in authority.issuers.all()])
    assert [one.serials for one in found] == [frozenset(), {lost.serial}, frozenset()]


def test_the_old_one_goes_when_nothing_needs_it_any_more(authority: Authority, clock: Hand) -> None:
    authority.issue_node(csr("a/one"), "a/one", reason="test")
    roll_over.begin(authority, "issuing")
    roll_over.use(authority)
    with pytest.raises(ConflictError, match="1 certificates of issuing are still good"):
        roll_over.drop(authority, "issuing")
    clock.on(61)
    assert [one.file_stem for one in roll_over.drop(authority, "issuing")] == ["issuing"]
    assert names(authority.bundle()) == ["root 1", "issuing 2"]
    with pytest.raises(NotFoundError):
        roll_over.drop(authority, "issuing")


def test_after_a_theft_it_goes_at_once_with_all_it_signed(authority: Authority, clock: Hand) -> None:
    lost = authority.issue_node(csr("a/one"), "a/one", reason="test")
    roll_over.begin(authority, "issuing")
    roll_over.use(authority)
    (dropped,) = roll_over.drop(authority, "issuing", force=True)
    record = authority.find(lost.serial)
    assert record is not None
    assert record.state(clock()) == "Revoked"
    with pytest.raises(ForbiddenError, match="revoked"):
        authority.check_present(lost.certificate_pem)
    root_list = revocation.read(authority.crl(), [one.certificate for one in authority.issuers.all()])[-1]
    assert root_list.serials == {dropped.serial}


def test_boards_that_know_the_old_root_only_follow(authority: Authority, clock: Hand) -> None:
    old = certificates.read(authority.bundle())
    roll_over.begin(authority, "root")
    assert names(authority.bundle()) == ["root 1", "root 2", "issuing 1"]
    roll_over.begin(authority, "issuing")
    roll_over.use(authority)
    assert states(authority) == {"root": "former", "root-2": "current", "issuing": "former", "issuing-2": "current"}
    broker = authority.issue_broker(csr("x"), ["b.example"], reason="test")
    registrar = authority.issue_client(csr("_registrar/r"), "_registrar/r", reason="test")
    node = authority.issue_node(csr("a/one"), "a/one", reason="test")
    new = [one.certificate for one in authority.issuers.trusted("root", clock()) if one.generation == 2]
    for trusted in (old, new, certificates.read(authority.bundle())):
        verify(broker.certificate_pem, trusted, "serverAuth", clock)
        verify(registrar.certificate_pem, trusted, "clientAuth", clock)
    verify(node.certificate_pem, certificates.read(authority.bundle()), "clientAuth", clock)


def test_a_root_is_not_dropped_from_above_its_issuing_certificate(authority: Authority, clock: Hand) -> None:
    roll_over.begin(authority, "root")
    roll_over.begin(authority, "issuing")
    roll_over.use(authority)
    with pytest.raises(ConflictError, match="issuing stands below root"):
        roll_over.drop(authority, "root")
    roll_over.drop(authority, "issuing")
    roll_over.drop(authority, "root")
    assert names(authority.bundle()) == ["root 2", "issuing 2"]
    issued = authority.issue_node(csr("a/one"), "a/one", reason="test")
    verify(issued.certificate_pem, certificates.read(authority.bundle()), "clientAuth", clock)


def test_one_at_a_time(authority: Authority) -> None:
    with pytest.raises(NotFoundError, match="begin with"):
        roll_over.use(authority)
    roll_over.begin(authority, "issuing")
    with pytest.raises(ConflictError, match="on its way already"):
        roll_over.begin(authority, "issuing")
    assert [one.file_stem for one in roll_over.drop(authority, "issuing")] == ["issuing-2"]
    assert roll_over.begin(authority, "issuing").file_stem == "issuing-3"


def test_three_roots_after_each_other_are_one_way_up(authority: Authority, clock: Hand) -> None:
    first = certificates.read(authority.bundle())
    for _ in range(2):
        roll_over.begin(authority, "root")
        roll_over.begin(authority, "issuing")
        roll_over.use(authority)
        clock.on(1)
    broker = authority.issue_broker(csr("x"), ["b.example"], reason="test")
    verify(broker.certificate_pem, first, "serverAuth", clock)


@pytest.mark.parametrize("lost", [True, False])
def test_a_former_key_that_is_lost_does_not_keep_the_other_lists_from_being_renewed(
    authority: Authority, clock: Hand, *, lost: bool
) -> None:
    roll_over.begin(authority, "issuing")
    roll_over.use(authority)
    key = authority.directory / "issuing.key"
    key.unlink() if lost else key.write_bytes(b"x")
    clock.on(11)
    with Authority.open(authority.directory, now=clock) as again:
        (problem,) = revocation_lists.refresh(again)
        assert problem.startswith(f"the revocation list of issuing is not renewed: cannot sign with {key}")
        assert {one.file_stem for one in again.issuers.crls_due(clock())} == {"issuing"}


def test_a_key_in_use_that_is_lost_is_an_error_once_the_other_lists_are_renewed(
    authority: Authority, clock: Hand
) -> None:
    roll_over.begin(authority, "issuing")
    roll_over.use(authority)
    (authority.directory / "issuing-2.key").unlink()
    clock.on(11)
    with Authority.open(authority.directory, now=clock) as again:
        with pytest.raises(AuthorityKeyError, match=r"issuing-2\.key"):
            revocation_lists.refresh(again)
        assert {one.file_stem for one in again.issuers.crls_due(clock())} == {"issuing-2"}


def test_a_former_key_that_is_lost_does_not_keep_a_name_from_being_revoked(authority: Authority, clock: Hand) -> None:
    authority.issue_node(csr("a/one"), "a/one", reason="test")
    roll_over.begin(authority, "issuing")
    roll_over.use(authority)
    new = authority.issue_node(csr("a/one"), "a/one", reason="test")
    (authority.directory / "issuing.key").unlink()
    with Authority.open(authority.directory, now=clock) as again:
        with pytest.raises(AuthorityKeyError, match="a/one is revoked, but the list of issuing does not name it"):
            revocation_lists.revoke(again, "a/one")
        assert all(one.revoked_at is not None for one in again.named("a/one"))
        assert again.shut_out() == ["a/one"]
        everyone = [one.certificate for one in again.issuers.all()]
        assert new.serial in revocation.read(again.crl(), everyone)[0].serials


def test_with_a_key_in_use_that_is_lost_nothing_is_revoked_by_half(authority: Authority, clock: Hand) -> None:
    authority.issue_node(csr("a/one"), "a/one", reason="test")
    (authority.directory / "issuing.key").unlink()
    with Authority.open(authority.directory, now=clock) as again:
        with pytest.raises(AuthorityKeyError, match=r"cannot sign with .*issuing\.key"):
            revocation_lists.revoke(again, "a/one")
        assert again.named("a/one")[0].revoked_at is None
