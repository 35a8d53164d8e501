"""The tables of ca.db. Each step is applied once, in order, in one transaction; the database counts them."""

from __future__ import annotations

import sqlite3

from edgelet.api.errors import StorageError

_CERTIFICATES = """
CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE issuers (
  serial TEXT PRIMARY KEY,
  role TEXT NOT NULL,              -- root, issuing
  generation INTEGER NOT NULL,     -- 1, 2 ... of its role: names its files
  state TEXT NOT NULL,             -- coming, current, former, dropped
  parent TEXT NOT NULL,            -- the issuing one's root; its own serial for a root
  certificate TEXT NOT NULL,       -- PEM
  bridge TEXT NOT NULL,            -- PEM of roots: signed by the roots before it; may be empty
  not_after INTEGER NOT NULL,
  crl TEXT NOT NULL,               -- PEM
  crl_number INTEGER NOT NULL,
  crl_this_update INTEGER NOT NULL,
  crl_next_update INTEGER NOT NULL,
  UNIQUE (role, generation)
) WITHOUT ROWID;

CREATE TABLE certificates (
  serial TEXT PRIMARY KEY,
  common_name TEXT NOT NULL,
  role TEXT NOT NULL,              -- node, controller, registrar, broker
  issuer TEXT NOT NULL REFERENCES issuers (serial),
  key_digest TEXT NOT NULL,
  not_before INTEGER NOT NULL,
  not_after INTEGER NOT NULL,
  issued_at INTEGER NOT NULL,
  reason TEXT NOT NULL,            -- why it was issued: a token, a renewal, by hand
  chain TEXT NOT NULL,             -- PEM: the leaf, then what leads up to the root
  revoked_at INTEGER,
  revoked_reason TEXT
) WITHOUT ROWID;
CREATE INDEX certificates_by_name ON certificates (common_name);
CREATE INDEX certificates_by_end ON certificates (issuer, not_after);
-- One key, one certificate. A broker may keep its key.
CREATE UNIQUE INDEX certificates_by_key ON certificates (key_digest) WHERE role <> 'broker';

CREATE TABLE requests (
  id TEXT PRIMARY KEY,
  created_at INTEGER NOT NULL,
  common_name TEXT NOT NULL,
  key_digest TEXT NOT NULL,
  csr TEXT NOT NULL,
  kind TEXT NOT NULL,              -- join, renew
  origin TEXT NOT NULL,            -- who brought it, in words
  state TEXT NOT NULL,             -- Pending, Approved, Denied
  decided_at INTEGER,
  decided_by TEXT,
  message TEXT NOT NULL,
  serial TEXT REFERENCES certificates (serial),
  UNIQUE (common_name, key_digest)
) WITHOUT ROWID;

CREATE TABLE audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  outcome TEXT NOT NULL,           -- ok, or the reason of the refusal
  detail TEXT NOT NULL
);
CREATE INDEX audit_by_subject ON audit (subject);
"""

_TOKENS = """
CREATE TABLE tokens (
  id TEXT PRIMARY KEY,
  node TEXT NOT NULL,
  request_key TEXT NOT NULL,       -- hex; derived from the secret, which is not here
  reply_key TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  key_digest TEXT NOT NULL DEFAULT '',  -- of the board's key that used it
  used_at INTEGER
) WITHOUT ROWID;
"""

STEPS: tuple[str, ...] = (_CERTIFICATES, _TOKENS)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the tables up to date; within the caller's transaction.

    Raises:
        StorageError: A newer edgelet wrote the database.
    """
    (have,) = connection.execute("PRAGMA user_version").fetchone()
    if have > len(STEPS):
        raise StorageError(
            f"cannot open the authority's database: it is of version {have}, this edgelet knows {len(STEPS)}; "
            "use the newer edgelet",
            retry_after=None,
        )
    for step in STEPS[have:]:
        for statement in filter(str.strip, _statements(step)):
            connection.execute(statement)
    if have < len(STEPS):
        connection.execute(f"PRAGMA user_version = {len(STEPS)}")


def _statements(script: str) -> list[str]:
    """One by one: executescript would commit before it begins."""
    found, text = [], ""
    for line in script.splitlines(keepends=True):
        text += line
        if sqlite3.complete_statement(text):
            found.append(text)
            text = ""
    return found
