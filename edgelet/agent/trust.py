"""Signed desired state, put together: keys of the disk, the time as far as it is known, what is remembered."""

from __future__ import annotations

import logging
from datetime import datetime

from edgelet.adapters.host.clock import SystemClock
from edgelet.adapters.host.host import PsutilHost
from edgelet.adapters.signing import public_keys
from edgelet.adapters.signing.verifier import Ed25519Verifier
from edgelet.adapters.sqlite.store import SqliteStore
from edgelet.config.settings import Settings
from edgelet.intake import mqtt_source, trust_record
from edgelet.intake.command_guard import CommandGuard
from edgelet.intake.signed_desired import SignedDesired, Surroundings
from edgelet.intake.signed_messages import SignedMessages
from edgelet.ports.events import EventSink
from edgelet.ports.object_store import Key, Ledger

log = logging.getLogger(__name__)


class KnownTime:
    """The wall clock while the kernel says that it is kept right; never earlier than it was."""

    def __init__(self, clock: SystemClock, host: PsutilHost) -> None:
        self._clock = clock
        self._host = host
        self._latest: datetime | None = None

    def __call__(self) -> datetime | None:
        """Return the time; None while nobody has set the clock since the agent began."""
        if self._host.clock_synchronized():
            now = self._clock.now()
            self._latest = now if self._latest is None else max(now, self._latest)
        return self._latest


def desired(
    settings: Settings, *, store: SqliteStore, clock: SystemClock, host: PsutilHost, events: EventSink, node: Key
) -> SignedDesired | None:
    """Return signed mode's state; None where the mode is off.

    Raises:
        EdgeletError: No key can be read, or what was remembered is damaged.
    """
    trust = settings.trust
    if not trust.require_signature or trust.signing_keys is None:
        return None
    return SignedDesired(
        Surroundings(
            store=store,
            ledger=store.ledger,
            events=events,
            node=node,
            clock=clock,
            now=KnownTime(clock, host),
            keys=public_keys.read_directory(trust.signing_keys),
            source=mqtt_source.SOURCE,
            unnamed_bytes=trust.waiting_bytes,
        )
    )


def messages(settings: Settings, signed: SignedDesired | None, ledger: Ledger, *, root: str) -> SignedMessages | None:
    """Return what the broker's side asks; None where the mode is off."""
    if signed is None:
        return None
    return SignedMessages(
        root=root,
        desired=signed,
        commands=CommandGuard(ledger, now=signed.now),
        verifier=Ed25519Verifier(),
        max_object_bytes=settings.intake.max_object_bytes,
    )


async def lapse(ledger: Ledger) -> None:
    """Note that unsigned state is taken: what was signed before rules no more, its version still never goes back.

    Raises:
        StorageError: It cannot be noted, or what was remembered is damaged.
    """
    record = trust_record.decode(ledger.read(trust_record.FACT))
    if record.in_force or record.pending is not None:
        log.warning("require_signature is off now: what the broker says is believed")
        await ledger.write(trust_record.FACT, trust_record.encode(trust_record.lapsed(record)))
