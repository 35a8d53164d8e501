"""Requests that wait for a person's word."""

from __future__ import annotations

import secrets
from datetime import datetime

from edgelet.api.errors import ConflictError, NotFoundError
from edgelet.ca.database import Database
from edgelet.ca.records import SigningRequest, seconds

PENDING = "Pending"
APPROVED = "Approved"
DENIED = "Denied"
MOST_PENDING = 10_000  # a stranger with a token for many names shall not fill the disk


def ask(
    database: Database, *, common_name: str, key_digest: str, csr_pem: bytes, kind: str, origin: str, at: datetime
) -> SigningRequest:
    """Put a request on the desk. The same name with the same key is the request that lies there already.

    Raises:
        ConflictError: Too many wait.
    """
    with database.transaction() as connection:
        row = connection.execute(
            "SELECT * FROM requests WHERE common_name = ? AND key_digest = ?", (common_name, key_digest)
        ).fetchone()
        if row is not None:
            return SigningRequest.of(row)
        (waiting,) = connection.execute("SELECT count(*) FROM requests WHERE state = ?", (PENDING,)).fetchone()
        if waiting >= MOST_PENDING:
            raise ConflictError(f"{waiting} requests wait already: edgelet ca approve or deny some")
        identity = secrets.token_hex(4)
        connection.execute(
            "INSERT INTO requests VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, '', NULL)",
            (identity, seconds(at), common_name, key_digest, csr_pem.decode(), kind, origin, PENDING),
        )
    return find(database, identity)


def find(database: Database, identity: str) -> SigningRequest:
    """The request with this id. Raises NotFoundError."""
    row = database.row("SELECT * FROM requests WHERE id = ?", identity)
    if row is None:
        raise NotFoundError(f'there is no request "{identity}": see edgelet ca list requests')
    return SigningRequest.of(row)


def all_of(database: Database, *, state: str = "") -> list[SigningRequest]:
    """All, or those of a state, the oldest first."""
    query = "SELECT * FROM requests WHERE ? IN ('', state) ORDER BY created_at, id"
    return list(map(SigningRequest.of, database.rows(query, state)))


def decide(
    database: Database, request: SigningRequest, *, state: str, by: str, at: datetime, message: str, serial: str
) -> SigningRequest:
    """Say yes or no, once; within the caller's transaction.

    Raises:
        ConflictError: Somebody decided otherwise before.
    """
    with database.transaction() as connection:
        changed = connection.execute(
            """UPDATE requests SET state = ?, decided_at = ?, decided_by = ?, message = ?, serial = ?
            WHERE id = ? AND state = ?""",
            (state, seconds(at), by, message, serial or None, request.id, PENDING),
        ).rowcount
    now = find(database, request.id)
    if not changed and now.state != state:
        raise ConflictError(f"request {request.id} was {now.state.lower()} by {now.decided_by}")
    return now
