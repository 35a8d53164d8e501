"""Join lines as the authority makes them: a new token, and where a board finds its brokers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta

from edgelet.adapters.x509.errors import invalid
from edgelet.api import join_line
from edgelet.api.join_line import JoinLine
from edgelet.ca import tokens
from edgelet.ca.authority import Authority
from edgelet.ca.issuers import ROOT

_FACT = "join-places"
_NAMES = frozenset({"broker", "link", "user", "password", "prefix"})


def places(authority: Authority, given: Mapping[str, str], *, node: str) -> dict[str, str]:
    """Return broker, link, prefix and, where it is not the authority's own, login: those given now, else before.

    `node` is whom the token is for, in what is told.

    Raises:
        InvalidObjectError: The brokers were never given.
        StorageError: The database cannot be read.
    """
    kept: dict[str, str] = {"prefix": "edgelet/v1", **json.loads(authority.database.fact(_FACT) or "{}")}
    found = {name: value for name, value in {**kept, **given}.items() if name in _NAMES}
    for name in ("broker", "link"):
        if not found.get(name):
            raise invalid("Token", node, name, f"give --{name} mqtts://HOST:PORT, once: it is remembered")
    return found


def create(authority: Authority, where: Mapping[str, str], *, node: str, ttl_s: float, any_ttl: bool) -> str:
    """Make a token and return its line; `where` is remembered.

    Raises:
        InvalidObjectError: The node's name, the life or one of the places is wrong; nothing was made then.
        StorageError: The database refuses.
    """
    login = authority.join_login()
    now = authority.now()
    with authority.database.transaction():
        token, secret = tokens.create(
            authority.database,
            node=node,
            ttl=timedelta(seconds=ttl_s),
            actor=authority.actor,
            now=now,
            any_ttl=any_ttl,
        )
        line = JoinLine(
            id=token.id,
            secret=secret,
            node=node,
            broker=where["broker"],
            link=where["link"],
            ca=tuple(one.certificate.der() for one in authority.issuers.trusted(ROOT, now)),
            user=where.get("user", login.user),
            password=where.get("password", login.password),
            prefix=where["prefix"],
            expires=int(token.expires_at.timestamp()),
        )
        text = join_line.encode(line)
        join_line.decode(text)  # what a board would refuse is refused here
        authority.database.keep(_FACT, json.dumps(dict(where)))
    return text
