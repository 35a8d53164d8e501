from __future__ import annotations

import datetime as dt
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from edgelet.adapters.x509 import certificates, chain, keys, requests, revocation
from edgelet.adapters.x509.revocation import RevocationList
from edgelet.api.errors import (
    ConflictError,
    EdgeletError,
    ForbiddenError,
    InvalidObjectError,
    NotFoundError,
    StorageError,
)
from edgelet.ca import approvals, desk, publication, revocation_lists, roll_over, schema
from edgelet.ca.authority import Authority
from edgelet.ca.creation import create
from edgelet.ca.issuers import AuthorityKeyError
from tests.unit.ca.conftest import START, Hand, csr

DAY = dt.timedelta(days=1)


def lists(authority: Authority) -> tuple[RevocationList, ...]:
    return revocation.read(authority.crl(), [one.certificate for one in authority.issuers.all()])


# Making one ----------------------------------------------------------------------------------------------------------


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
    with pytest.raises(NotFoundError, match="put the backup back"):
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


# Revoking ------------------------------------------------------------------------------------------------------------


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


# Requests that wait --------------------------------------------------------------------------------------------------


def test_a_request_waits_until_it_is_approved(authority: Authority) -> None:
    request = csr("acme/pi")
    asked = approvals.ask(authority, request, "acme/pi", kind="join", origin="token 1")
    assert approvals.ask(authority, request, "acme/pi", kind="join", origin="token 1") == asked
    assert [one.id for one in desk.all_of(authority.database, state="Pending")] == [asked.id]
    issued = approvals.approve(authority, asked.id)
    assert issued.common_name == "acme/pi"
    assert approvals.approve(authority, asked.id) == issued
    decided = desk.find(authority.database, asked.id)
    assert (decided.state, decided.serial, decided.decided_by) == ("Approved", issued.serial, "test")
    with pytest.raises(ConflictError, match="was approved by test"):
        approvals.deny(authority, asked.id)


def test_a_denied_request_stays_denied(authority: Authority) -> None:
    asked = approvals.ask(authority, csr("acme/pi"), "acme/pi", kind="join", origin="token 1")
    assert approvals.deny(authority, asked.id, message="who is this?").message == "who is this?"
    assert approvals.deny(authority, asked.id).state == "Denied"
    with pytest.raises(ConflictError, match="was denied"):
        approvals.approve(authority, asked.id)
    assert authority.records() == []
    with pytest.raises(NotFoundError):
        approvals.approve(authority, "none")


def test_a_request_for_another_name_does_not_get_onto_the_desk(authority: Authority) -> None:
    with pytest.raises(InvalidObjectError):
        approvals.ask(authority, csr("acme/pj"), "acme/pi", kind="join", origin="x")
    with pytest.raises(InvalidObjectError):
        approvals.ask(authority, requests.make(keys.generate(), "x"), "x", kind="join", origin="x")


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
