"""Requests that wait for a person."""

from __future__ import annotations

import pytest

from edgelet.adapters.x509 import keys, requests
from edgelet.api.errors import ConflictError, InvalidObjectError, NotFoundError
from edgelet.ca import approvals, desk
from edgelet.ca.authority import Authority
from tests.unit.ca.conftest import csr


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
