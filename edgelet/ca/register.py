"""The certificates that were issued: a row for each, before it leaves."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from edgelet.adapters.x509.certificates import Certificate
from edgelet.api.errors import ConflictError, ForbiddenError, NotFoundError
from edgelet.ca.database import Database
from edgelet.ca.records import Record, seconds

BROKER = "broker"
LEAST_OF_SERIAL = 8  # digits of a serial that name a certificate, where only one begins so


def add(
    database: Database, leaf: Certificate, *, role: str, issuer: str, chain: bytes, at: datetime, reason: str
) -> Record:
    """Write it down; within the caller's transaction, which is on disk before anybody sees the certificate."""
    with database.transaction() as connection:
        connection.execute(
            "INSERT INTO certificates VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)",
            (
                *(leaf.serial, leaf.common_name, role, issuer, leaf.key_digest),
                *(seconds(leaf.not_before), seconds(leaf.not_after), seconds(at), reason, chain.decode()),
            ),
        )
    found = by_serial(database, leaf.serial)
    assert found is not None  # noqa: S101  it was written two lines above
    return found


def by_serial(database: Database, serial: str) -> Record | None:
    """The one with this serial, in hex as people write it: upper case, colons and leading zeros do no harm."""
    row = database.row("SELECT * FROM certificates WHERE serial = ?", plain_serial(serial))
    return Record.of(row) if row else None


def by_key(database: Database, key_digest: str) -> Record | None:
    """The one for this key; a broker's is not asked for."""
    row = database.row("SELECT * FROM certificates WHERE key_digest = ? AND role <> ?", key_digest, BROKER)
    return Record.of(row) if row else None


def by_name(database: Database, common_name: str) -> list[Record]:
    """All for this name, the newest first."""
    rows = database.rows(
        "SELECT * FROM certificates WHERE common_name = ? ORDER BY issued_at DESC, not_after DESC, serial", common_name
    )
    return list(map(Record.of, rows))


def all_of(database: Database, *, role: str = "") -> list[Record]:
    """All, or all of a role, by name and then by age."""
    query = "SELECT * FROM certificates WHERE ? IN ('', role) ORDER BY common_name, issued_at DESC, serial"
    return list(map(Record.of, database.rows(query, role)))


def good_names(database: Database, now: datetime, *, but_for: Collection[str] = ()) -> list[str]:
    """Names that have a good certificate, without those of the roles `but_for`."""
    rows = database.rows(
        "SELECT DISTINCT common_name, role FROM certificates WHERE revoked_at IS NULL AND not_after >= ?", seconds(now)
    )
    return sorted(str(row["common_name"]) for row in rows if row["role"] not in but_for)


def last_of_names(database: Database, now: datetime, *, roles: Sequence[str]) -> list[Record]:
    """The good certificate of each name of these roles that ends last."""
    found: dict[str, Record] = {}
    for role in roles:
        rows = database.rows(
            "SELECT * FROM certificates WHERE role = ? AND revoked_at IS NULL AND not_after >= ? ORDER BY not_after",
            *(str(role), seconds(now)),
        )
        found |= {str(row["common_name"]): Record.of(row) for row in rows}
    return [found[name] for name in sorted(found)]


def named(database: Database, which: str) -> list[Record]:
    """What a person means: a common name, a serial, or the beginning of one.

    Raises:
        NotFoundError: Nothing is so called.
        ConflictError: Several serials begin so.
    """
    found = by_name(database, which)
    if found:
        return found
    serial = plain_serial(which)
    if len(serial) >= LEAST_OF_SERIAL and all(digit in "0123456789abcdef" for digit in serial):
        rows = database.rows("SELECT * FROM certificates WHERE substr(serial, 1, ?) = ?", len(serial), serial)
        if len(rows) > 1:
            raise ConflictError(f"{len(rows)} serials begin with {serial}: give more of it")
        if rows:
            return [Record.of(rows[0])]
    raise NotFoundError(f'there is no certificate "{which}": give a common name, a serial, or its first 8 digits')


def revoke(database: Database, record: Record, *, at: datetime, reason: str) -> None:
    """Mark it; within the caller's transaction."""
    with database.transaction() as connection:
        connection.execute(
            "UPDATE certificates SET revoked_at = ?, revoked_reason = ? WHERE serial = ? AND revoked_at IS NULL",
            (seconds(at), reason, record.serial),
        )


def repeated(database: Database, *, key_digest: str, common_name: str, now: datetime) -> Record | None:
    """The certificate that this key has already: who asks again gets it again. None for a new key.

    Raises:
        ForbiddenError: It was revoked.
        ConflictError: The key is another name's, or its certificate has ended.
    """
    found = by_key(database, key_digest)
    if found is None:
        return None
    if found.revoked_at is not None:
        raise ForbiddenError(f"the certificate of this key was revoked ({found.revoked_reason}): make a new key")
    if found.common_name != common_name:
        raise ConflictError("this key is in use under another name: make a new key")
    if found.state(now) == "Expired":
        raise ConflictError("the certificate of this key has ended: make a new key")
    return found


def unfinished(database: Database, issuer: str, now: datetime) -> list[Record]:
    """The certificates of an issuer that are still good."""
    rows = database.rows(
        "SELECT * FROM certificates WHERE issuer = ? AND revoked_at IS NULL AND not_after >= ?", issuer, seconds(now)
    )
    return list(map(Record.of, rows))


def shut_out(database: Database, now: datetime) -> list[str]:
    """Names whose certificate was revoked and that have no good one: a broker cuts off what is still connected."""
    rows = database.rows(
        """SELECT DISTINCT common_name FROM certificates AS lost WHERE revoked_at IS NOT NULL AND role <> ?
        AND NOT EXISTS (SELECT 1 FROM certificates AS good WHERE good.common_name = lost.common_name
        AND good.revoked_at IS NULL AND good.not_after >= ?) ORDER BY common_name""",
        *(BROKER, seconds(now)),
    )
    return [str(row["common_name"]) for row in rows]


def plain_serial(serial: str) -> str:
    """As the tables have it: lower-case hex without colons and leading zeros."""
    return serial.replace(":", "").lower().lstrip("0")
