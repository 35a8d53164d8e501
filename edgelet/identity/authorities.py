"""Which authorities are trusted and what they revoked: a retained message that is signed under those before."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from typing import Literal

from edgelet.api.errors import BusError, StorageError
from edgelet.identity import renewal_plan
from edgelet.identity.renewal_plan import RenewalPlan
from edgelet.identity.revocation_watch import RevocationWatch
from edgelet.ports.clock import Clock
from edgelet.ports.events import EventSink
from edgelet.ports.object_store import Key, Ledger
from edgelet.ports.own_certificate import AuthoritiesNews, CertificateFiles, IdentityLink

_log = logging.getLogger(__name__)

_FACT = "identity/authorities"
_FOREVER_S = float("inf")


class Authorities:
    """`hear` takes a message, `turn` deals with it: a message that was dealt with is not looked at again."""

    def __init__(
        self,
        files: CertificateFiles,
        link: IdentityLink,
        *,
        revoked: RevocationWatch,
        ledger: Ledger,
        events: EventSink,
        node: Key,
        clock: Clock,
        plan: RenewalPlan,
        chance: Callable[[], float],
    ) -> None:
        self._files = files
        self._link = link
        self._revoked = revoked
        self._ledger = ledger
        self._events = events
        self._node = node
        self._clock = clock
        self._plan = plan
        self._chance = chance
        self._epoch, self._digest = _read(ledger.read(_FACT))
        self._listless = ""  # digest of a message that was dealt with and left no revocation list
        self._waiting: bytes | None = None
        self._failures = 0
        self._next_s = float("-inf")

    def hear(self, message: bytes) -> bool:
        """Take a message; False where there is nothing to do about it.

        One that was dealt with is looked at again where the revocation lists are lost that came with it.
        """
        digest = hashlib.sha256(message).hexdigest()
        seen = digest == self._digest and (digest == self._listless or not self._files.revocations().lost)
        if not message or seen:
            return False
        self._waiting = message  # failures count on: whoever sends ever other words is not asked about each of them
        return True

    async def turn(self, *, connected: bool) -> float:
        """Deal with what waits; returns the seconds until it should be tried again. Never raises EdgeletError."""
        message, now_s = self._waiting, self._clock.monotonic_s()
        if message is None or not connected:
            return _FOREVER_S
        if now_s < self._next_s:
            return self._next_s - now_s
        try:
            await self._take(message)
        except BusError as error:
            self._failures += 1
            self._next_s = now_s + renewal_plan.retry_s(self._failures, chance=self._chance(), plan=self._plan)
            self._record("Warning", "AuthoritiesRefused", error.message)
            return self._next_s - now_s
        self._failures, self._next_s = 0, float("-inf")
        if self._waiting is message:
            self._waiting = None
        return _FOREVER_S

    async def _take(self, message: bytes) -> None:
        news = await self._accept(message, self._epoch)
        if news is not None and news.changed:
            await self._link.try_authorities()  # a bundle that the broker's certificate does not stand on cuts us off
            await self._files.install_authorities()
            words = f"The authorities of epoch {news.epoch} are trusted now; the file before is kept beside it"
            self._record("Normal", "AuthoritiesReplaced", words)
            await self._accept(message, news.epoch)  # once more for the revocation lists of the new ones
        before = (self._epoch, self._digest)
        self._epoch = self._epoch if news is None else news.epoch
        self._digest = hashlib.sha256(message).hexdigest()
        self._listless = "" if news is not None and news.revoked.some else self._digest
        if (self._epoch, self._digest) == before:
            return
        try:
            await self._ledger.write(_FACT, json.dumps({"epoch": self._epoch, "digest": self._digest}).encode())
        except StorageError as error:
            _log.warning("cannot keep the epoch of the authorities", extra={"error": error.message})

    async def _accept(self, message: bytes, epoch: int) -> AuthoritiesNews | None:
        news = await self._files.accept_authorities(message, epoch=epoch)
        if news is not None:
            self._revoked.told(news.revoked)
            if news.revoked.changed:
                self._link.judge_again()
        return news

    def _record(self, type: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        self._events.record(self._node, "", type=type, reason=reason, message=message)


def _read(kept: bytes | None) -> tuple[int, str]:
    if kept is None:
        return -1, ""
    found = json.loads(kept)
    return int(found["epoch"]), str(found["digest"])
