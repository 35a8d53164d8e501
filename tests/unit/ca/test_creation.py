"""A new authority, and what becomes of one whose files are damaged or missing."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from edgelet.adapters.x509 import certificates, keys
from edgelet.api.errors import ConflictError, EdgeletError, StorageError
from edgelet.ca import ca_notice, publication, roll_over, schema
from edgelet.ca.authority import Authority
from edgelet.ca.creation import create
from edgelet.ca.issuers import AuthorityKeyError
from tests.unit.ca.conftest import Hand, csr


def test_a_new_authority_has_root_issuing_and_lists_for_its_owner_alone(authority: Authority, tmp_path: Path) -> None:
    names = {path.name for path in (tmp_path / "ca").iterdir()}
    assert {"root.crt", "root.key", "issuing.crt", "issuing.key", "ca.crt", "crl.pem", "ca.db"} <= names
    for name in ("root.key", "issuing.key", "ca.db", "ca.lock", *(name for name in names if name.startswith("ca.db-"))):
        assert stat.S_IMODE((tmp_path / "ca" / name).stat().st_mode) == 0o600, name
    assert stat.S_IMODE((tmp_path / "ca").stat().st_mode) == 0o700
    assert [one.is_self_issued for one in certificates.read(authority.bundle())] == [True, False]
    assert (tmp_path / "ca" / "ca.crt").read_bytes() == authority.bundle()
    assert (tmp_path / "ca" / "crl.pem").read_bytes() == authority.crl()
    assert [path.name for path in tmp_path.iterdir()] == ["ca"]


def test_nothing_is_ever_overwritten(authority: Authority, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in authority.directory.iterdir()}
    with pytest.raises(ConflictError, match="not empty"):
        create(authority.directory)
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConflictError, match="not empty"):
        create(tmp_path / "file")
    assert {path.name: path.read_bytes() for path in authority.directory.iterdir()} == before
    assert {path.name for path in tmp_path.iterdir()} == {"ca", "file"}


def test_an_empty_directory_is_taken(tmp_path: Path) -> None:
    (tmp_path / "ca").mkdir()
    create(tmp_path / "ca").close()
    Authority.open(tmp_path / "ca").close()


def test_two_authorities_have_different_names(tmp_path: Path) -> None:
    names = []
    for directory in ("a", "b"):
        with create(tmp_path / directory) as made:
            names += [one.certificate.common_name for one in made.issuers.all()]
    assert len(set(names)) == 4


def test_where_there_is_none_it_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(EdgeletError, match="edgelet ca init"):
        Authority.open(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_looked_at_is_told_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EdgeletError, match="Not a directory"):
        Authority.open(tmp_path / "file")


def test_the_log_names_the_person_behind_sudo(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "alice")
    with Authority.open(authority.directory) as opened:
        opened.issue_node(csr("acme/pi"), "acme/pi", reason="test")
        assert opened.log()[-1].actor == "cli:alice"


def test_keys_with_a_passphrase_are_needed_for_signing_only(tmp_path: Path) -> None:
    create(tmp_path / "ca", passphrase=b"secret").close()
    with Authority.open(tmp_path / "ca") as locked:
        assert locked.bundle()
        with pytest.raises(AuthorityKeyError, match=r"issuing\.key.*passphrase"):
            locked.issue_node(csr("acme/pi"), "acme/pi", reason="test")
        assert locked.records() == []
    with Authority.open(tmp_path / "ca", passphrase=b"secret") as authority:
        assert authority.issue_node(csr("acme/pi"), "acme/pi", reason="test").serial


@pytest.mark.parametrize("damage", [b"", b"-----BEGIN PRIVATE KEY-----\nMIG", None, "other"])
def test_a_key_that_cannot_sign_is_the_authoritys_own_trouble_and_is_named(
    authority: Authority, damage: bytes | str | None
) -> None:
    path = authority.directory / "issuing.key"
    path.unlink()
    if isinstance(damage, bytes):
        path.write_bytes(damage)
    elif damage:
        keys.save(path, keys.generate())
    with Authority.open(authority.directory, now=authority.now) as again:
        with pytest.raises(AuthorityKeyError, match=str(path)) as caught:
            again.check_signs()
        assert caught.value.reason == "ServiceUnavailable"


@pytest.mark.parametrize("content", [b"", "tables"])
def test_an_empty_database_is_refused_and_nothing_is_touched(authority: Authority, content: bytes | str) -> None:
    authority.close()
    path = authority.directory / "ca.db"
    path.unlink()
    path.write_bytes(b"")
    if content:
        sqlite3.connect(path).execute("VACUUM").connection.close()  # a database, without anything in it
    before = {one.name: one.read_bytes() for one in authority.directory.iterdir()}
    with pytest.raises(StorageError, match=r"ca\.db is empty or damaged: put the backup back"):
        Authority.open(authority.directory)
    assert {one.name: one.read_bytes() for one in authority.directory.iterdir()} == before


def test_no_empty_bundle_is_ever_published(authority: Authority, clock: Hand) -> None:
    before = [(authority.directory / name).read_bytes() for name in ("ca.crt", "crl.pem")]
    clock.on(50 * 365)  # all have ended
    assert publication.publish(authority) == []
    with authority.database.transaction() as connection:
        connection.execute("DELETE FROM issuers")
    with pytest.raises(StorageError, match="put the backup back"):
        publication.publish(authority)
    with pytest.raises(StorageError, match="put the backup back"):
        roll_over.begin(authority, "issuing")
    assert [(authority.directory / name).read_bytes() for name in ("ca.crt", "crl.pem")] == before


@pytest.mark.parametrize("name", ["ca.crt", "crl.pem", "issuing.crt"])
def test_what_cannot_be_published_is_named(authority: Authority, name: str) -> None:
    path = authority.directory / name
    path.unlink()
    path.mkdir()
    with pytest.raises(StorageError, match=f"cannot read {path}: Is a directory"):
        publication.publish(authority)


def test_below_a_file_there_is_no_place_for_an_authority(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file is no directory"):
        create(tmp_path / "file" / "ca")


def test_a_newer_database_is_left_alone(authority: Authority) -> None:
    authority.close()
    connection = sqlite3.connect(authority.directory / "ca.db")
    connection.execute(f"PRAGMA user_version = {len(schema.STEPS) + 1}")
    connection.close()
    with pytest.raises(EdgeletError, match="newer edgelet"):
        Authority.open(authority.directory)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("UPDATE facts SET value = '{' WHERE key = 'terms'", "how long certificates are good"),
        ("UPDATE facts SET value = '[1]' WHERE key = 'terms'", "how long certificates are good"),
        ("UPDATE issuers SET certificate = 'x' WHERE role = 'root'", "the certificate of root 1"),
        ("INSERT INTO facts VALUES ('bundle-epoch', '{}')", "the number of the notice to boards"),
    ],
)
def test_what_is_damaged_within_the_database_is_named(
    authority: Authority, clock: Hand, change: str, what: str
) -> None:
    with authority.database.transaction() as connection:
        connection.execute(change)
    told = rf"cannot read .*/ca\.db: {what} in it is damaged: put the backup back"
    with pytest.raises(StorageError, match=told), Authority.open(authority.directory, now=clock) as again:
        ca_notice.epoch(again)
