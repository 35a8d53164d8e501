"""Signed desired state, put together: keys of the disk, the time as far as it is known, what is remembered."""

from __future__ import annotations

import logging
from datetime import datetime

from edgelet.adapters.host import time_sync
from edgelet.adapters.host.clock import SystemClock
from edgelet.adapters.signing import public_keys
from edgelet.adapters.signing.verifier import Ed25519Verifier
from edgelet.adapters.sqlite.store import SqliteStore
from edgelet.api.errors import EdgeletError
from edgelet.config.settings import Settings
from edgelet.identity import clock_trust
from edgelet.identity.time_keeper import TimeKeeper
from edgelet.intake import mqtt_source, trust_record
from edgelet.intake.command_guard import CommandGuard
from edgelet.intake.signed_desired import SignedDesired, Surroundings
from edgelet.intake.signed_messages import SignedMessages
from edgelet.ports.events import EventSink
from edgelet.ports.object_store import Key, Ledger

log = logging.getLogger(__name__)


class KnownTime:
    """The time as far as dates may be judged by it. A clock that was wrong for a moment leaves nothing behind here."""

    def __init__(self, keeper: TimeKeeper) -> None:
        self._keeper = keeper

    def at_least(self) -> datetime:
        """Return a time that is certainly over: the clock where somebody vouches for it, else what was known last."""
        kept = self._keeper.high_water
        return max(self.exact() or kept, kept)

    def exact(self) -> datetime | None:
        """Return the time; None where nobody vouches for the clock, or where it is before what was known already."""
        judged = self._keeper.judge(believable_until=None)
        kept = self._keeper.high_water
        return max(judged.at, kept) if judged.exact and judged.at >= kept - clock_trust.AGREES else None


def make_keeper(clock: SystemClock, ledger: Ledger) -> TimeKeeper:
    """Return what knows the time at least."""
    return TimeKeeper(clock, ledger, synchronized=time_sync.vouched_for)


def desired(
    settings: Settings, keeper: TimeKeeper, *, store: SqliteStore, clock: SystemClock, events: EventSink, node: Key
) -> SignedDesired:
    """Return signed mode's state. Without keys that can be read nobody is believed, and what runs goes on."""
    directory, keys = settings.trust.signing_keys, {}
    try:
        if directory is not None:
            keys = public_keys.read_directory(directory)
    except EdgeletError as error:
        log.error("nobody is believed: %s", error.message, extra={"reason": error.reason})  # noqa: TRY400  no defect
        events.record(node, "", type="Warning", reason=error.reason, message=error.message)
    return SignedDesired(
        Surroundings(
            store=store,
            ledger=store.ledger,
            events=events,
            node=node,
            clock=clock,
            now=KnownTime(keeper).at_least,
            keys=keys,
            source=mqtt_source.SOURCE,
            unnamed_bytes=settings.trust.waiting_bytes,
        )
    )


def messages(
    settings: Settings, signed: SignedDesired, keeper: TimeKeeper, ledger: Ledger, *, root: str
) -> SignedMessages:
    """Return what the broker's side asks."""
    return SignedMessages(
        root=root,
        desired=signed,
        commands=CommandGuard(ledger, now=KnownTime(keeper).exact),
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
