from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from edgelet.adapters.x509 import certificates, keys
from edgelet.ca import revocation_lists, roll_over
from edgelet.ca.authority import Authority
from edgelet.ca.mosquitto import directory, password
from edgelet.ca.mosquitto.directory import Prepared
from edgelet.ca.mosquitto.settings import Places
from tests.unit.ca.conftest import Hand, csr

Prepare = Callable[..., Prepared]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def prepare(authority: Authority, out: Path) -> Prepare:
    def prepare(*hosts: str) -> Prepared:
        return directory.prepare(authority, out, Places(at=out), hosts=hosts or ("b.example",), group="")

    return prepare


def test_everything_is_there_at_first_and_nothing_changes_after(prepare: Prepare, out: Path) -> None:
    first = prepare()
    assert set(first.changed) == {path.name for path in out.iterdir()}
    assert (first.restart_field, first.restart_join) == (True, True)
    assert prepare().changed == ()
    for name in ("server.key", "bridge.key", "join-passwords", "acl", "join.conf"):
        assert stat.S_IMODE((out / name).stat().st_mode) == 0o640, name


def test_pairs_are_renewed_when_two_thirds_of_their_life_are_gone(prepare: Prepare, out: Path, clock: Hand) -> None:
    prepare()
    before = certificates.read((out / "server.crt").read_bytes())[0]
    clock.on(240)
    assert set(prepare().changed) == {"crl.pem"}
    clock.on(5)
    done = prepare()
    assert set(done.changed) == {"server.crt", "server.key", "bridge.crt", "bridge.key"}
    assert (done.reload, done.restart_field, done.restart_join) == (True, False, True)
    after = certificates.read((out / "server.crt").read_bytes())[0]
    assert after.serial != before.serial
    assert after.key_digest == keys.digest(keys.load(out / "server.key").public_key()) != before.key_digest


@pytest.mark.parametrize("name", ["server", "bridge"])
def test_a_pair_that_does_not_belong_together_is_replaced(prepare: Prepare, out: Path, name: str) -> None:
    prepare()
    keys.save(out / f"{name}.key", keys.generate())
    assert set(prepare().changed) == {f"{name}.crt", f"{name}.key"}
    (out / f"{name}.crt").write_text("damaged")
    assert set(prepare().changed) == {f"{name}.crt", f"{name}.key"}


def test_other_hosts_need_another_certificate(prepare: Prepare, out: Path) -> None:
    prepare("b.example")
    assert set(prepare("c.example").changed) == {"server.crt", "server.key"}
    leaf, *_ = certificates.read((out / "server.crt").read_bytes())
    assert set(leaf.hosts) == {"c.example", "localhost", "127.0.0.1"}


def test_a_revoked_pair_is_replaced(prepare: Prepare, authority: Authority, out: Path) -> None:
    prepare()
    revocation_lists.revoke(authority, certificates.read((out / "server.crt").read_bytes())[0].serial)
    assert {"server.crt", "server.key", "crl.pem"} == set(prepare().changed)


def test_a_new_issuing_certificate_is_told_before_it_is_used(prepare: Prepare, authority: Authority) -> None:
    prepare()
    roll_over.begin(authority, "issuing")
    assert set(prepare().changed) == {"ca.crt", "crl.pem"}
    roll_over.use(authority)
    assert {"server.crt", "bridge.crt"} < set(prepare().changed)


def test_the_list_names_who_has_a_good_certificate(
    prepare: Prepare, authority: Authority, out: Path, clock: Hand
) -> None:
    authority.issue_client(csr("acme/_c"), "acme/_c", reason="test")
    authority.issue_client(csr("_registrar/r"), "_registrar/r", reason="test")
    authority.issue_node(csr("acme/pi"), "acme/pi", reason="test")
    authority.issue_node(csr("acme/lost"), "acme/lost", reason="test")
    revocation_lists.revoke(authority, "acme/lost")
    prepare()

    def users() -> list[str]:
        lines = (out / "acl").read_text().splitlines()
        return [line.removeprefix("user ") for line in lines if line.startswith("user ")]

    assert users() == ["acme/_c", "_registrar/r", "_join/main", "acme/lost"]
    clock.on(61)
    assert prepare().changed == ("crl.pem", "acl")
    assert users() == ["_join/main", "acme/lost"]


def test_the_login_stays_and_a_line_of_somebody_else_does_not(
    prepare: Prepare, authority: Authority, out: Path
) -> None:
    prepare()
    before = (out / "join-passwords").read_text()
    login = authority.join_login()
    assert password.matches(before, login.user, login.password)
    assert prepare().changed == ()
    assert (out / "join-passwords").read_text() == before
    (out / "join-passwords").write_text(before + password.line("guest", "guest"))
    done = prepare()
    assert (done.changed, done.restart_join, done.reload) == (("join-passwords",), True, False)
    assert "guest" not in (out / "join-passwords").read_text()


def test_the_bridge_has_a_name_that_nobody_guesses(prepare: Prepare, out: Path) -> None:
    prepare()
    (line,) = [line for line in (out / "join.conf").read_text().splitlines() if line.startswith("local_clientid")]
    assert len(line.split("bridge-")[1]) == 32
