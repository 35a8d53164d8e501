"""The audit log: a row for whatever was done or refused. Nothing of ours ever removes one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from edgelet.ca.database import Database
from edgelet.ca.records import AuditEntry, moment, seconds

OK = "ok"


def note(
    database: Database,
    *,
    at: datetime,
    actor: str,
    action: str,
    subject: str,
    outcome: str = OK,
    detail: Mapping[str, object] | None = None,
) -> None:
    """Write a row; part of the transaction that is open, if there is one. Raises StorageError."""
    with database.transaction() as connection:
        connection.execute(
            "INSERT INTO audit (at, actor, action, subject, outcome, detail) VALUES (?, ?, ?, ?, ?, ?)",
            (seconds(at), actor, action, subject, outcome, json.dumps(detail or {}, sort_keys=True)),
        )


def entries(database: Database, *, newest: int = 1000) -> list[AuditEntry]:
    """The newest rows, oldest first."""
    found = database.rows("SELECT * FROM audit ORDER BY id DESC LIMIT ?", newest)
    return [
        AuditEntry(
            at=moment(row["at"]),
            actor=row["actor"],
            action=row["action"],
            subject=row["subject"],
            outcome=row["outcome"],
            detail=row["detail"],
        )
        for row in reversed(found)
    ]
