"""Commands in signed mode: each once, and not after its time. The payload is read only after its signature held."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from edgelet.api import time
from edgelet.api.errors import ConflictError, DecodeError, EdgeletError, ForbiddenError
from edgelet.ports.object_store import Ledger

FACT = "trust/commands"  # in the ledger: nonces that were used, each with the time until which it has to be kept
LIFE_MAX = timedelta(minutes=5)
SKEW = timedelta(seconds=30)
_MAX_NONCES = 512
_NONCE = re.compile(r"[0-9a-f]{32,64}", re.ASCII)


class CommandGuard:
    """Lets a signed command pass once.

    Its payload is a JSON object with `nonce` (32 to 64 hex digits) and `expires` (RFC 3339, at most five minutes
    ahead) beside what the verb wants. The nonce is on disk before the command passes: at most once, kill or no kill.
    """

    def __init__(self, ledger: Ledger, *, now: Callable[[], datetime | None]) -> None:
        """`now` is None while the time is not known: then no command passes."""
        self._ledger = ledger
        self._now = now
        self._used = _decode(ledger.read(FACT))

    async def admit(self, topic: str, payload: bytes) -> None:
        """Return if the command may be carried out.

        Raises:
            DecodeError: No nonce or no expiry.
            EdgeletError: Expired (410), ServiceUnavailable (503, the time is not known), TooManyRequests (429).
            ForbiddenError: It would live longer than five minutes.
            ConflictError: It was here before.
            StorageError: The nonce could not be kept.
        """
        nonce, expires = _read(topic, payload)
        now = self._now()
        if now is None:
            raise EdgeletError("ServiceUnavailable", f"cannot take {topic[:200]}: the board's clock is not set yet")
        if now >= expires:
            raise EdgeletError("Expired", f"cannot take {topic[:200]}: it expired at {time.render(expires)}")
        if expires > now + LIFE_MAX + SKEW:
            raise ForbiddenError(f"cannot take {topic[:200]}: it would live longer than {LIFE_MAX.seconds} s")
        if nonce in self._used:
            raise ConflictError(f"cannot take {topic[:200]}: it was here before")
        # A clock that is set back a little must not let a command in again.
        kept = {one: until for one, until in self._used.items() if until + LIFE_MAX > now}
        if len(kept) >= _MAX_NONCES:
            raise EdgeletError("TooManyRequests", f"cannot take {topic[:200]}: {_MAX_NONCES} commands are remembered")
        kept[nonce] = expires
        await self._ledger.write(FACT, _encode(kept))
        self._used = kept


def _read(topic: str, payload: bytes) -> tuple[str, datetime]:
    try:
        document: Any = json.loads(payload)
        nonce, expires = document["nonce"], time.parse(document["expires"])
        if isinstance(nonce, str) and _NONCE.fullmatch(nonce):
            return nonce, expires
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        pass
    raise DecodeError(f"cannot take {topic[:200]}: a signed command has a nonce (32 to 64 hex digits) and expires")


def _encode(used: Mapping[str, datetime]) -> bytes:
    return json.dumps({nonce: int(until.timestamp()) for nonce, until in used.items()}).encode()


def _decode(fact: bytes | None) -> dict[str, datetime]:
    try:
        return {nonce: datetime.fromtimestamp(until, UTC) for nonce, until in json.loads(fact or b"{}").items()}
    except (ValueError, TypeError, AttributeError, OverflowError, OSError):
        return {}  # for five minutes a command may come twice; a board that does not start helps nobody
