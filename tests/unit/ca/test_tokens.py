"""How long a join token lives, and for whom."""

from __future__ import annotations

from datetime import timedelta

import pytest

from edgelet.api.errors import InvalidObjectError
from edgelet.ca import tokens
from tests.fixtures.joiner import Joiner
from tests.unit.ca.registrar_desk import Desk, ask


def test_a_token_that_ended_is_told_to_who_knows_its_secret(desk: Desk) -> None:
    registrar = desk.open()
    joiner = Joiner(desk.token(ttl_s=600))
    desk.now += timedelta(seconds=601)
    reply = ask(registrar, joiner.join())
    assert (reply.code, reply.reason) == (410, "Expired")
    assert reply.is_authentic(joiner.token_keys)
    assert desk.audit("join") == ["Expired"]


def test_a_token_that_was_deleted_or_forgotten_is_unknown(desk: Desk) -> None:
    registrar = desk.open()
    joiner, kept = Joiner(desk.token()), Joiner(desk.token())
    with desk.authority() as authority:
        tokens.delete(authority.database, joiner.line.id, actor="test", now=desk.now)
        assert ask(registrar, joiner.join()).code == 403
        desk.now += timedelta(days=8)
        tokens.sweep(authority.database, desk.now)
        assert tokens.all_of(authority.database) == []
    assert ask(registrar, kept.join()).code == 403


def test_the_secret_is_not_in_the_authoritys_files_and_its_keys_go_with_the_token(desk: Desk) -> None:
    joiner = Joiner(desk.token())
    with desk.authority() as authority:
        (token,) = tokens.all_of(authority.database)
        assert token.keys == joiner.token_keys
        tokens.delete(authority.database, joiner.line.id, actor="test", now=desk.now)
        authority.database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    stored = b"".join(path.read_bytes() for path in desk.directory.iterdir())
    for secret in (joiner.line.secret, joiner.line.secret.hex().encode(), token.keys.request.hex().encode()):
        assert secret not in stored


@pytest.mark.parametrize("ttl_s", [0, 599, 3601, -5])
def test_a_tokens_life_has_bounds(desk: Desk, ttl_s: float) -> None:
    with pytest.raises(InvalidObjectError, match="10m to 60m"):
        desk.token(ttl_s=ttl_s)


@pytest.mark.parametrize("node", ["pi-01", "default/_ctl", "_registrar/x", "a/b/c", "Default/pi", "a/" + "b" * 63])
def test_a_token_is_for_a_node_only(desk: Desk, node: str) -> None:
    with pytest.raises(InvalidObjectError):
        desk.token(node)
