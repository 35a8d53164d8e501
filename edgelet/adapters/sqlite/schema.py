"""The tables, and how a database of an older edgelet becomes one of today's."""

from __future__ import annotations

import sqlite3

APPLICATION_ID = 0x65646765  # "edge": tells our database from any other

_TABLES = """
CREATE TABLE versions (one INTEGER PRIMARY KEY CHECK (one = 1), reserved INTEGER NOT NULL);
INSERT INTO versions VALUES (1, 0);
CREATE TABLE objects (
  kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
  uid TEXT NOT NULL, version INTEGER NOT NULL, generation INTEGER NOT NULL,
  source TEXT NOT NULL, digest TEXT NOT NULL, size INTEGER NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (kind, namespace, name)
);
CREATE TABLE ledger (name TEXT PRIMARY KEY, value BLOB NOT NULL);
"""

# Rows of Secrets are sealed from here on (rows.py). `clear`: pages, log or copies may still hold what they were before.
_SEALED = "ALTER TABLE versions ADD COLUMN clear INTEGER NOT NULL DEFAULT 1;"

# One script a step: MIGRATIONS[n] takes a database of version n to version n + 1. Only ever append.
MIGRATIONS: tuple[str, ...] = (_TABLES, _SEALED)


def version(connection: sqlite3.Connection) -> int:
    """Return the schema version of the database, 0 for an empty one."""
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    return int(found)


def application(connection: sqlite3.Connection) -> int:
    """Return the mark of the program the database belongs to."""
    (found,) = connection.execute("PRAGMA application_id").fetchone()
    return int(found)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database to today's version, each step in a transaction of its own."""
    for step in range(version(connection), len(MIGRATIONS)):
        connection.executescript(
            f"BEGIN IMMEDIATE; {MIGRATIONS[step]} "
            f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {step + 1}; COMMIT;"
        )
