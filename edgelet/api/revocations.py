"""Which certificates are known to be revoked: what a board keeps of the revocation lists that it was given.

Pure: the lists are read and their signatures checked where there is a library for X.509. What was revoked once stays
so: a list leaves out what has ended, and a board cannot always tell that time.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from edgelet.api import strict_fields
from edgelet.api.strict_fields import Fields

MAX_BYTES = 512 * 1024  # of the file
MOST_LISTS = 32  # one for each authority that there ever was
MOST_REVOKED = 4096  # of one authority
MAX_SERIAL_CHARACTERS = 64  # Source: RFC 5280, 4.1.2.2: 20 octets
_WHAT = "kept revocation lists"
_KEY = re.compile(r"[0-9a-f]{64}")
_SERIAL = re.compile(rf"-?[0-9a-f]{{1,{MAX_SERIAL_CHARACTERS - 1}}}")
_MAX_NUMBER = 2**160  # Source: RFC 5280, 5.2.3: 20 octets
_MAX_TIME_S = 2**40
_MAX_NAME = 256
_NEVER_S = 253_402_300_799  # the end of the year 9999


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownList:
    """What one authority has revoked, by its newest list and those before it."""

    issuer: str  # its name, for people
    key: str  # SHA-256 of its SubjectPublicKeyInfo, hex: names can be alike
    number: int  # of the newest list
    ends: int  # Unix seconds at which a newer one should be there
    revoked: frozenset[str]  # serials in lower-case hex, without leading zeros


@dataclass(frozen=True, slots=True)
class Revocations:
    """All that is known."""

    lists: tuple[KnownList, ...] = ()

    def names(self, serial: str, *, issuer_key: str) -> bool:
        """Whether the authority with this key (see KnownList.key) has revoked this serial."""
        return any(one.key == issuer_key and serial in one.revoked for one in self.lists)

    def merged(self, fresh: Iterable[KnownList]) -> tuple[Revocations, tuple[str, ...]]:
        """Return what is known with newer lists, and which of them were not taken, in words.

        Nothing is ever forgotten. A list with a lower number than the one before it is not taken: somebody repeats an
        old one.
        """
        known, refused = {one.key: one for one in self.lists}, []
        for one in fresh:
            before = known.get(one.key)
            if before is None and len(known) >= MOST_LISTS:
                refused.append(f"the list of {one.issuer!r} is one too many: {MOST_LISTS} are kept")
            elif before is not None and one.number < before.number:
                refused.append(f"list {one.number} of {one.issuer!r} is older than {before.number}, which is known")
            elif before is None or one.number > before.number:
                known[one.key] = _joined(one, before)
        return Revocations(tuple(known[key] for key in sorted(known))), tuple(refused)

    def last_words(self, authorities: Collection[str]) -> Revocations:
        """Return the same, with no end for the lists of all but these authorities (see KnownList.key).

        Nobody makes a newer list of one that is not trusted any more, and nobody misses it.
        """
        return Revocations(tuple(one if one.key in authorities else replace(one, ends=_NEVER_S) for one in self.lists))

    def ended(self, at_s: float) -> tuple[KnownList, ...]:
        """Return those that should have been replaced by then (Unix seconds)."""
        return tuple(one for one in self.lists if one.ends < at_s)


def encode(known: Revocations) -> bytes:
    """Return the file's bytes: JSON with a digest of its own."""
    lists = [
        {"issuer": one.issuer, "key": one.key, "number": one.number, "ends": one.ends, "revoked": sorted(one.revoked)}
        for one in known.lists
    ]
    return json.dumps({"v": 1, "digest": _digest(lists), "lists": lists}, indent=1).encode() + b"\n"


def decode(data: bytes) -> Revocations:
    """Read what `encode` wrote.

    Raises:
        MessageError: It is damaged, or something else.
    """
    fields = strict_fields.read(_WHAT, data, limit_bytes=MAX_BYTES)
    fields.integer("v", least=1, most=1)
    digest = fields.text("digest", pattern=_KEY)
    documents = fields.objects("lists", most=MOST_LISTS)
    fields.done()
    lists = tuple(_list(Fields(_WHAT, one)) for one in documents)
    if digest != _digest(documents):
        raise fields.wrong("digest", "it is of something else: the file is damaged")
    if len({one.key for one in lists}) != len(lists):
        raise fields.wrong("lists", "one authority stands there twice")
    return Revocations(lists)


def _list(fields: Fields) -> KnownList:
    found = KnownList(
        issuer=fields.text("issuer", limit=_MAX_NAME),
        key=fields.text("key", pattern=_KEY),
        number=fields.integer("number", least=0, most=_MAX_NUMBER),
        ends=fields.integer("ends", least=0, most=_MAX_TIME_S),
        revoked=frozenset(fields.texts("revoked", most=MOST_REVOKED, limit=MAX_SERIAL_CHARACTERS, least=0)),
    )
    fields.done()
    if not all(map(_SERIAL.fullmatch, found.revoked)):
        raise fields.wrong("revoked", "serials in hex expected")
    return found


def _joined(fresh: KnownList, before: KnownList | None) -> KnownList:
    """Return a list with what those before it had; beyond the bound the newest list alone counts."""
    room = max(0, MOST_REVOKED - len(fresh.revoked))
    earlier = sorted(before.revoked - fresh.revoked)[:room] if before is not None else []
    return replace(fresh, revoked=fresh.revoked | frozenset(earlier))


def _digest(lists: Any) -> str:
    return hashlib.sha256(json.dumps(lists, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
