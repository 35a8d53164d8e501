"""What becomes of an authority whose ca.db is an older one than its directory."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgelet.adapters.x509 import revocation
from edgelet.api.errors import StorageError
from edgelet.ca import board_lists, ca_notice, publication, revocation_lists, roll_over
from edgelet.ca.authority import DATABASE, Authority
from tests.unit.ca.conftest import Hand, csr


@pytest.fixture
def backup(authority: Authority, tmp_path: Path) -> Path:
    """A copy of ca.db from after two certificates were issued."""
    for name in ("a/one", "a/two"):
        authority.issue_node(csr(name), name, reason="test")
    copy = tmp_path / "backup.db"
    source, target = sqlite3.connect(authority.directory / DATABASE), sqlite3.connect(copy)
    with source, target:
        source.backup(target)
    source.close()
    target.close()
    return copy


class PutBack:
    """Ends the authority and opens it again with the copy in place of its database."""

    def __init__(self, authority: Authority, backup: Path, clock: Hand) -> None:
        self._before = authority
        self._backup = backup
        self._clock = clock

    def __call__(self) -> Authority:
        self._before.close()
        directory = self._before.directory
        for path in directory.glob(f"{DATABASE}*"):
            path.unlink()
        (directory / DATABASE).write_bytes(self._backup.read_bytes())
        self.after = Authority.open(directory, now=self._clock, actor="test")
        return self.after


@pytest.fixture
def put_back(authority: Authority, backup: Path, clock: Hand) -> Iterator[PutBack]:
    made = PutBack(authority, backup, clock)
    yield made
    made.after.close()


def listed(authority: Authority) -> dict[int, frozenset[str]]:
    """Number and serials of the issuing certificate's list, as brokers have it."""
    issuers = [one.certificate for one in authority.issuers.all()]
    found = revocation.read((authority.directory / "crl.pem").read_bytes(), issuers)
    return {found[0].number: found[0].serials}


def test_what_was_revoked_after_the_backup_stays_revoked(authority: Authority, put_back: PutBack, clock: Hand) -> None:
    ca_notice.epoch(authority)
    known = revocation_lists.revoke(authority, "a/one")[0]
    ca_notice.epoch(authority)
    unknown = authority.issue_node(csr("a/three"), "a/three", reason="test")
    revocation_lists.revoke(authority, "a/three")
    clock.on(1)
    heard = ca_notice.epoch(authority)
    again = put_back()
    assert publication.publish(again) == [], "the newer lists are not overwritten"
    problems = revocation_lists.refresh(again)
    assert any("ca.db is older than crl.pem" in one for one in problems)
    assert listed(again) == {4: {known.serial, unknown.serial}}
    (one,) = again.named("a/one")
    assert one.revoked_at is not None
    assert revocation_lists.refresh(again) == ()
    assert ca_notice.epoch(again) > heard, "boards take no notice with a lower number"
    last = revocation_lists.revoke(again, "a/two")[0]
    assert listed(again) == {5: {known.serial, unknown.serial, last.serial}}


def test_a_list_whose_key_lies_in_a_safe_stays_as_brokers_have_it(
    authority: Authority, put_back: PutBack, clock: Hand
) -> None:
    clock.on(130)
    assert revocation_lists.refresh(authority) == ()
    roots = b"-----BEGIN" + authority.crl().split(b"-----BEGIN")[-1]
    (authority.directory / "root.key").unlink()
    again = put_back()
    revocation_lists.refresh(again)
    told = ca_notice.epoch(again)
    assert roots in (authority.directory / "crl.pem").read_bytes()
    assert board_lists.text(again, most=10_000).encode().startswith(roots)
    revocation_lists.refresh(again)
    assert ca_notice.epoch(again) == told, "a board that is off for long has to be able to follow the number"


def test_a_list_of_brokers_that_another_authority_signed_says_nothing(
    authority: Authority, put_back: PutBack, tmp_path: Path, clock: Hand
) -> None:
    from edgelet.ca.creation import create  # noqa: PLC0415

    with create(tmp_path / "other", name=authority.issuers.all()[1].certificate.common_name[:-10], now=clock) as other:
        foreign = other.crl()
    (authority.directory / "crl.pem").write_bytes(foreign)
    again = put_back()
    assert revocation_lists.refresh(again) == ()
    assert list(listed(again)) == [1]


def test_an_authority_that_the_database_does_not_have_is_not_overwritten(
    authority: Authority, put_back: PutBack
) -> None:
    roll_over.begin(authority, "issuing")
    roll_over.use(authority)
    before = {path.name: path.read_bytes() for path in authority.directory.glob("*.[ckp]*")}
    again = put_back()
    acts: tuple[Callable[[Authority], object], ...] = (
        publication.publish,
        revocation_lists.refresh,
        lambda one: roll_over.begin(one, "issuing"),
    )
    for act in acts:
        with pytest.raises(StorageError, match=r"ca\.db is older than issuing-2\.crt beside it"):
            act(again)
    assert {path.name: path.read_bytes() for path in authority.directory.glob("*.[ckp]*")} == before
    for stem in ("issuing-2.crt", "issuing-2.key"):
        (authority.directory / stem).unlink()
    assert roll_over.begin(again, "issuing").file_stem == "issuing-2"


def test_a_key_that_a_killed_process_left_is_in_nobodys_way(authority: Authority) -> None:
    (authority.directory / "issuing-2.key").write_text("left")
    (authority.directory / "issuing-7.crt").write_text("no certificate")
    assert roll_over.begin(authority, "issuing").file_stem == "issuing-2"
