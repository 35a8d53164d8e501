"""Killed before each statement of the database and each step on disk: what is left is whole, and goes on."""

from __future__ import annotations

import os
import signal
import sqlite3
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from edgelet.adapters.x509 import certificates, keys, requests, revocation
from edgelet.api.errors import EdgeletError
from edgelet.ca import revocation_lists, roll_over
from edgelet.ca.authority import Authority
from edgelet.ca.creation import create
from tests.unit.ca.conftest import csr

MOST_STEPS = 400
STEPS = ("fsync", "replace", "rename", "unlink", "mkdir")


def killed_at(step: int, work: Callable[[], None]) -> bool:
    """Do the work in a child that is killed before its step number `step`; False where it got to its end before."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the child only touches files
        child = os.fork()
    if child == 0:  # pragma: no cover  the parent does not see it
        with suppress(BaseException):
            _count_down(step)
            work()
            os._exit(0)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.waitstatus_to_exitcode(status) == 0
    return False


def _count_down(left: int) -> None:
    def tick(*_: object) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(function: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            tick()
            return function(*arguments, **named)

        return call

    for name in STEPS:
        setattr(os, name, before(getattr(os, name)))
    connect = sqlite3.connect

    def connected(*arguments: Any, **named: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **named)
        connection.set_trace_callback(tick)
        return connection

    sqlite3.connect = connected  # type: ignore[assignment] # in a child that is about to die


def each_step(work: Callable[[], None], look: Callable[[], None]) -> int:
    """Kill the work before its first step, its second ...; look each time. Returns how many there are."""
    for step in range(1, MOST_STEPS):
        if not killed_at(step, work):
            look()
            return step - 1
        look()
    raise AssertionError("it has no end")


def sound(directory: Path) -> Authority:
    """Open what is left, and find it consistent."""
    authority = Authority.open(directory)
    assert [tuple(row) for row in authority.database.rows("PRAGMA integrity_check")] == [("ok",)]
    assert authority.database.rows("PRAGMA foreign_key_check") == []
    revocation_lists.refresh(authority)
    assert (directory / "ca.crt").read_bytes() == authority.bundle()
    issuers = authority.issuers.all()
    current = [one.role for one in issuers if one.state == "current"]
    assert sorted(current) == ["issuing", "root"]
    for one in issuers:
        key = authority.issuers.signer(one).key
        assert keys.digest(key.public_key()) == one.certificate.key_digest, one.file_stem
    revoked = {record.serial for record in authority.records() if record.revoked_at is not None}
    lists = revocation.read(authority.crl(), [one.certificate for one in issuers])
    assert frozenset().union(*(one.serials for one in lists)) == revoked
    for record in authority.records():
        assert certificates.read(record.certificate_pem)[0].serial == record.serial
    return authority


def test_an_authority_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    directory = tmp_path / "ca"
    made = []

    def look() -> None:
        made.append(directory.exists())
        if directory.exists():
            sound(directory).close()

    steps = each_step(lambda: create(directory).close() if not directory.exists() else None, look)
    assert made[-1]
    assert not made[0]
    assert steps == 0 or made.count(False) > 20  # killed in the middle often enough


def test_no_certificate_is_without_its_row(tmp_path: Path) -> None:
    create(tmp_path / "ca").close()
    got = tmp_path / "got"
    request = csr("acme/pi")
    seen = []

    def issue() -> None:
        with Authority.open(tmp_path / "ca") as authority:
            issued = authority.issue_node(request, "acme/pi", reason="test")
            got.write_text(issued.serial)

    def look() -> None:
        with sound(tmp_path / "ca") as authority:
            rows = [record.serial for record in authority.records()]
            assert len(rows) <= 1  # asked again with the same key: the same certificate, not another
            if got.exists():
                assert rows == [got.read_text()]
            seen.append(len(rows))

    assert each_step(issue, look) > 5
    assert seen[0] == 0
    assert seen[-1] == 1


def test_what_is_revoked_is_in_the_list_or_not_revoked(tmp_path: Path) -> None:
    with create(tmp_path / "ca") as authority:
        for number in range(3):
            authority.issue_node(csr(f"acme/pi-{number}"), f"acme/pi-{number}", reason="test")

    def revoke() -> None:
        with Authority.open(tmp_path / "ca") as authority:
            revocation_lists.revoke(authority, "acme/pi-1", "keyCompromise")

    assert each_step(revoke, lambda: sound(tmp_path / "ca").close()) > 5
    with sound(tmp_path / "ca") as authority:
        assert authority.shut_out() == ["acme/pi-1"]


@pytest.mark.parametrize("role", ["issuing", "root"])
def test_a_roll_over_is_gone_on_with(tmp_path: Path, role: str) -> None:
    create(tmp_path / "ca").close()

    def roll() -> None:
        with Authority.open(tmp_path / "ca") as authority:
            states = [(one.role, one.state) for one in authority.issuers.all()]
            for wanted in dict.fromkeys((role, "issuing")):
                if (wanted, "coming") not in states:
                    with suppress(EdgeletError):
                        roll_over.begin(authority, wanted)
            roll_over.use(authority)

    def look() -> None:
        with sound(tmp_path / "ca") as authority:
            authority.issue_client(requests.make(keys.generate(), "a/_c"), "a/_c", reason="test")

    assert killed_at(25, roll)
    look()
    for step in range(1, 60, 4):
        killed_at(step, roll)
        look()
