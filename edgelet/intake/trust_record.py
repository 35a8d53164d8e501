"""What a board remembers of the signed index: what holds, what is to come, who signs. Decisions on it are pure."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from edgelet.api import desired_index, time
from edgelet.api.desired_index import Index
from edgelet.api.errors import ConflictError, EdgeletError, StorageError

FACT = "trust/record"  # in the ledger
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Heard:
    """An index whose signature held, with the hash of its very bytes."""

    index: Index
    digest: str

    @classmethod
    def of(cls, payload: bytes) -> Heard:
        """Read one. Raises DecodeError."""
        return cls(desired_index.parse(payload), hashlib.sha256(payload).hexdigest())


@dataclass(frozen=True, slots=True)
class RolledKeys:
    """Keys that an index brought. They count as long as the keys on the board's disk are those of then."""

    base: tuple[str, ...]  # ids on disk at that time, sorted
    keys: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class TrustRecord:
    """All of it. Replaced as a whole, on disk before it takes effect."""

    applied: Heard | None = None  # the newest that took effect; its version never decreases
    pending: Heard | None = None  # newer: takes effect once all of its objects are here
    rolled: RolledKeys | None = None
    in_force: bool = False  # applied rules; False after a time without signatures, until an index rules again

    @property
    def objects(self) -> Mapping[str, str]:
        """What rules: path to digest; nothing where no index does."""
        return self.applied.index.objects if self.applied is not None and self.in_force else {}

    def trusted(self, on_disk: Mapping[str, bytes]) -> Mapping[str, bytes]:
        """Return the keys that are trusted. Who changed the keys on disk was at the board: these count then."""
        if self.rolled is not None and self.rolled.base == tuple(sorted(on_disk)):
            return self.rolled.keys
        return on_disk

    def committed(self, on_disk: Mapping[str, bytes]) -> TrustRecord:
        """Return what is remembered once the pending index has taken effect."""
        if self.pending is None:
            return self
        brought = self.pending.index.keys
        rolled = self.rolled if brought is None else RolledKeys(tuple(sorted(on_disk)), brought)
        return TrustRecord(applied=self.pending, pending=None, rolled=rolled, in_force=True)


def judge(record: TrustRecord, heard: Heard, *, now: datetime | None) -> Literal["known", "newer"]:
    """Tell what an index is to a board.

    Args:
        record: What the board remembers.
        heard: The index.
        now: The time, None where it is not known: then nothing has expired.

    Raises:
        ConflictError: Older than what was taken, or another one with the same version.
        EdgeletError: Expired (410): it is newer, and too late.
    """
    version = heard.index.version
    for known in (record.pending, record.applied):
        if known is None or known.index.version != version:
            continue
        if known.digest != heard.digest:
            raise ConflictError(f"cannot take index {version}: another one with this version was taken before")
        if known is record.pending or record.in_force:
            return "known"
    newest = record.pending or record.applied
    if newest is not None and version < newest.index.version:
        raise ConflictError(f"cannot take index {version}: {newest.index.version} was taken before")
    if why := expiry(heard, now=now):
        raise EdgeletError("Expired", f"cannot take it: {why}")
    return "newer"


def expiry(heard: Heard | None, *, now: datetime | None) -> str:
    """Return why an index allows nothing new any more, for people; "" while it does, or while the time is not known."""
    if heard is None or now is None or now < heard.index.expires:
        return ""
    return f"index {heard.index.version} expired at {time.render(heard.index.expires)}; sign it anew"


def encode(record: TrustRecord) -> bytes:
    """Return the record as the ledger keeps it."""
    rolled = record.rolled
    document = {
        "v": _FORMAT,
        "applied": _heard_out(record.applied),
        "pending": _heard_out(record.pending),
        "rolled": None
        if rolled is None
        else {
            "base": list(rolled.base),
            "keys": {key_id: base64.b64encode(key).decode() for key_id, key in rolled.keys.items()},
        },
        "inForce": record.in_force,
    }
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def decode(fact: bytes | None) -> TrustRecord:
    """Read the record; none is an empty one.

    Raises:
        StorageError: It is damaged. What must not go back cannot begin anew by itself.
    """
    if not fact:
        return TrustRecord()
    try:
        return _read(json.loads(fact))
    except (ValueError, KeyError, TypeError, AttributeError, EdgeletError) as error:
        raise StorageError(f'the fact "{FACT}" in the state database cannot be read', retry_after=None) from error


def _read(document: Any) -> TrustRecord:
    if document["v"] != _FORMAT:
        raise ValueError("another format")
    rolled = document["rolled"]
    keys = None
    if rolled is not None:
        by_id = {key_id: base64.b64decode(key) for key_id, key in rolled["keys"].items()}
        keys = RolledKeys(tuple(rolled["base"]), by_id)
    return TrustRecord(
        applied=_heard_in(document["applied"]),
        pending=_heard_in(document["pending"]),
        rolled=keys,
        in_force=bool(document["inForce"]),
    )


def lapsed(record: TrustRecord) -> TrustRecord:
    """Return the record of a board that takes unsigned state: versions are kept, no index rules."""
    return replace(record, pending=None, in_force=False)


def _heard_out(heard: Heard | None) -> Any:
    return None if heard is None else {"index": desired_index.encode(heard.index).decode(), "digest": heard.digest}


def _heard_in(value: Any) -> Heard | None:
    return None if value is None else Heard(desired_index.parse(value["index"].encode()), value["digest"])
