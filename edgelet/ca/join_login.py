"""User and password of the broker's join listener: a fence for passers-by, nothing more. Every join line has them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from edgelet.ca.database import Database

USER = "bootstrap"
_FACT = "join-password"


@dataclass(frozen=True, slots=True)
class JoinLogin:
    """What a board without a certificate says to the broker."""

    user: str
    password: str


def of(database: Database) -> JoinLogin:
    """The login; made at the first call. Raises StorageError."""
    with database.transaction():
        password = database.fact(_FACT)
        if password is None:
            password = secrets.token_urlsafe(24)
            database.keep(_FACT, password)
    return JoinLogin(USER, password)


def renew(database: Database) -> JoinLogin:
    """A new password: join lines that are out do not work any more. Raises StorageError."""
    with database.transaction():
        database.keep(_FACT, secrets.token_urlsafe(24))
        return of(database)
