"""One-time tokens: each lets one board, under one name, with one key, ask for its first certificate.

What is stored are the two keys derived from a token's secret, since a MAC can be checked with nothing less: who reads
the authority's database can use the tokens that are still open in it. He could as well take the authority's own key,
which lies beside. The secret itself is only in the line, and the keys are wiped `KEPT` after the token's end.
"""

from __future__ import annotations

import re
import secrets
import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta

from edgelet.api import enrolment, identity
from edgelet.api.enrolment import TokenKeys
from edgelet.api.errors import FieldError, InvalidObjectError, NotFoundError
from edgelet.ca import audit
from edgelet.ca.database import Database
from edgelet.ca.records import moment, seconds

LEAST, MOST = timedelta(minutes=10), timedelta(minutes=60)
LONGEST = timedelta(days=366)  # where a person says so: boards flashed in a factory
KEPT = timedelta(days=7)  # after its end: so long a board is told what is wrong, or gets its answer once more
_MOST = 100_000
_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Token:
    """A token as the authority knows it."""

    id: str
    node: str
    keys: TokenKeys
    created_at: datetime
    created_by: str
    expires_at: datetime
    key_digest: str  # of the key that it was used with; empty: not used yet
    used_at: datetime | None

    def state(self, now: datetime) -> str:
        """Used, Expired or Open."""
        if self.key_digest:
            return "Used"
        return "Open" if now <= self.expires_at else "Expired"


def create(
    database: Database, *, node: str, ttl: timedelta, actor: str, now: datetime, any_ttl: bool = False
) -> tuple[Token, bytes]:
    """Make a token for a node; returns it with its secret, which is kept nowhere.

    Raises:
        InvalidObjectError: The name is no node's, or the life is outside its bounds (`any_ttl` widens them).
        StorageError: The database refuses.
    """
    identity.node(node)
    most = LONGEST if any_ttl else MOST
    if not (timedelta(minutes=1) if any_ttl else LEAST) <= ttl <= most:
        raise InvalidObjectError("Token", node, (FieldError("ttl", _bounds(any_ttl=any_ttl)),))
    secret = secrets.token_bytes(32)
    token_keys = enrolment.token_keys(secret)
    token = Token(
        id=secrets.token_hex(8),
        node=node,
        keys=token_keys,
        created_at=now.replace(microsecond=0),
        created_by=actor,
        expires_at=(now + ttl).replace(microsecond=0),
        key_digest="",
        used_at=None,
    )
    with database.transaction() as connection:
        _sweep(connection, now)
        (count,) = connection.execute("SELECT count(*) FROM tokens").fetchone()
        if count >= _MOST:
            raise InvalidObjectError("Token", node, (FieldError("", f"there are {count} tokens already"),))
        connection.execute(
            "INSERT INTO tokens (id, node, request_key, reply_key, created_at, created_by, expires_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                *(token.id, node, token_keys.request.hex(), token_keys.reply.hex()),
                *(seconds(now), actor, seconds(token.expires_at)),
            ),
        )
        detail = {"token": token.id, "expires": seconds(token.expires_at)}
        audit.note(database, at=now, actor=actor, action="token-create", subject=node, detail=detail)
    return token, secret


def find(database: Database, token: str) -> Token | None:
    """The token with this id."""
    row = database.row("SELECT * FROM tokens WHERE id = ?", token)
    return None if row is None else _token(row)


def all_of(database: Database) -> list[Token]:
    """All there are, newest last."""
    return [_token(row) for row in database.rows("SELECT * FROM tokens ORDER BY created_at, id")]


def delete(database: Database, token: str, *, actor: str, now: datetime) -> Token:
    """Forget a token: from now on it is as unknown as one that never was. Certificates that came of it stay.

    Raises:
        NotFoundError: There is none with this id.
    """
    with database.transaction() as connection:
        found = find(database, token) if _ID.fullmatch(token) else None
        if found is None:
            raise NotFoundError(f'tokens "{token[:40]}" not found')
        connection.execute("DELETE FROM tokens WHERE id = ?", (token,))
        detail = {"token": token, "state": found.state(now)}
        audit.note(database, at=now, actor=actor, action="token-delete", subject=found.node, detail=detail)
    return found


def bind(database: Database, token: Token, *, key_digest: str, now: datetime) -> None:
    """Note which key a token was used with; within the caller's transaction."""
    with database.transaction() as connection:
        connection.execute(
            "UPDATE tokens SET key_digest = ?, used_at = ? WHERE id = ?", (key_digest, seconds(now), token.id)
        )


def sweep(database: Database, now: datetime) -> None:
    """Forget tokens whose end is long past."""
    with database.transaction() as connection:
        _sweep(connection, now)


def _sweep(connection: sqlite3.Connection, now: datetime) -> None:
    connection.execute("DELETE FROM tokens WHERE expires_at < ?", (seconds(now - KEPT),))


def _bounds(*, any_ttl: bool) -> str:
    if any_ttl:
        return f"must be from 1m to {LONGEST.days * 24}h"
    return "must be from 10m to 60m; --long-lived allows more, for boards that are flashed long before they start"


def _token(row: sqlite3.Row) -> Token:
    return Token(
        id=row["id"],
        node=row["node"],
        keys=TokenKeys(bytes.fromhex(row["request_key"]), bytes.fromhex(row["reply_key"])),
        created_at=moment(row["created_at"]),
        created_by=row["created_by"],
        expires_at=moment(row["expires_at"]),
        key_digest=row["key_digest"],
        used_at=None if row["used_at"] is None else moment(row["used_at"]),
    )
