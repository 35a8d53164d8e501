"""Desired state that is signed: whole generations of it, each all or nothing, never an older one.

A generation takes effect in three steps, and a kill between any two of them changes nothing that counts:
its payloads are on disk, the record says that it rules (the point of no return), the objects are brought into the
store. The last step is done again at every start, until nothing is left to do.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from edgelet.api import desired_index, kinds, time
from edgelet.api.errors import EdgeletError, StorageError
from edgelet.intake import desired_topics, successors, trust_record
from edgelet.intake.arrivals import Arrivals
from edgelet.intake.start_permit import StartPermit
from edgelet.intake.trust_record import Heard, TrustRecord
from edgelet.intake.waiting_payloads import Payload, Unnamed
from edgelet.ports.bus import Message
from edgelet.ports.clock import Clock
from edgelet.ports.events import EventSink
from edgelet.ports.object_store import Key, Ledger, ObjectStore, StoredObject

_log = logging.getLogger(__name__)

_RETRY_S = 5.0
_LOOK_S = 60.0
_TOLD_PATHS = 5
_KIND_ORDER = ("Namespace", "ConfigMap", "Secret", "Pod")  # brought in in this order, removed in the other


class Hands(Protocol):
    """What brings an object into the store, or tells why not. Only StorageError is raised."""

    async def bring(self, key: Key, message: Message) -> None: ...

    async def remove(self, topic: str) -> None: ...

    def refuse(self, topic: str, error: EdgeletError) -> None: ...

    def accept(self, topic: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What signed state lives in."""

    store: ObjectStore
    ledger: Ledger
    events: EventSink
    node: Key
    clock: Clock
    now: Callable[[], datetime | None]  # the time, None where it is not known well enough to expire anything
    keys: Mapping[str, bytes]  # on the board's disk, by id
    source: str  # whose objects the index rules
    unnamed_bytes: int = 4 * 1024 * 1024
    unnamed_count: int = 1000


class SignedDesired:
    """Takes messages whose signature held. One step at a time; `run` is its one task."""

    def __init__(self, around: Surroundings) -> None:
        """Read what is remembered. Where it cannot be read nobody is believed, and what runs goes on."""
        self._around = around
        self._store = around.store
        self._unreadable = ""
        self._record = self._remembered()
        unnamed = Unnamed(max_bytes=around.unnamed_bytes, max_count=around.unnamed_count)
        self._arrivals = Arrivals(around.store, source=around.source, unnamed=unnamed)
        self._carried_out = False
        self._stale = ""
        self._told = ""  # digest of the index of which it was told that it waits
        self._permit = StartPermit(around.events, source=around.source)
        self._step = asyncio.Lock()
        self._hands: Hands | None = None
        self._changed: Callable[[], None] = _nobody
        self.ruled = asyncio.Event()  # an index rules, and the store is as it says

    # ---- what others ask

    @property
    def keys(self) -> Mapping[str, bytes]:
        """Raw public keys that are trusted now, by id."""
        return {} if self._unreadable else self._record.trusted(self._around.keys)

    @property
    def record(self) -> TrustRecord:
        """What is remembered."""
        return self._record

    @property
    def stale(self) -> str:
        """Why nothing new may begin, for people; "" where it may."""
        return self._stale

    def names(self, path: str, payload: bytes) -> bool:
        """Whether the index in force names exactly this payload: then there is nothing new in it."""
        digest = self._record.objects.get(path)
        return digest is not None and digest == hashlib.sha256(payload).hexdigest()

    def may_begin(self, stored: StoredObject) -> bool:
        """Whether a pod may be made now."""
        return self._permit.judge(stored, self._record, now=self._around.now())

    def annotations(self) -> dict[str, str]:
        """Return what the Node object tells of the index that rules."""
        applied = self._record.applied
        if applied is None or not self._record.in_force:
            return {}
        version = applied.index.version
        return {
            "edgelet/index-epoch": str(version.epoch),
            "edgelet/index-generation": str(version.generation),
            "edgelet/index-expires": time.render(applied.index.expires),
        }

    # ---- its life

    def listen(self, changed: Callable[[], None]) -> None:
        """Say who is told that what the node tells about itself is new."""
        self._changed = changed

    def work_with(self, hands: Hands) -> None:
        """Say who brings objects into the store."""
        self._hands = hands

    async def resume(self) -> None:
        """Finish what an earlier run left, before anything else is taken. Waits for as long as the disk refuses."""
        while True:
            try:
                async with self._step:
                    await self._settle()
            except StorageError as error:
                _log.warning("cannot finish a generation: %s", error.message, extra={"reason": error.reason})
                await self._around.clock.sleep(_RETRY_S)
            else:
                self._look()
                return

    async def run(self) -> None:
        """Notice that the index expires, or that the next one waits, for ever."""
        waited = ""
        while True:
            self._look()
            waited = self._look_at_pending(waited)
            await self._around.clock.sleep(_LOOK_S)

    async def take(self, message: Message) -> None:
        """Take one message on desired/.

        Raises:
            EdgeletError: It is refused; nothing has changed. StorageError: it is to be said again.
        """
        if not message.payload:
            self._doing.accept(message.topic)  # clears what was told about a refusal, and deletes nothing
            return
        async with self._step:
            await self._settle()  # what was begun goes first: its payloads must not give way to newer ones
            if message.topic == desired_index.TOPIC:
                await self._take_index(message.payload)
            else:
                await self._take_object(message)
            await self._settle()
        self._look()

    # ---- taking

    async def _take_index(self, payload: bytes) -> None:
        heard = Heard.of(payload)
        if trust_record.judge(self._record, heard, now=self._around.now()) == "newer":
            await self._write(replace(self._record, pending=heard))
            self._arrivals.expect_anew()
        self._doing.accept(desired_index.TOPIC)

    async def _take_object(self, message: Message) -> None:
        key = desired_topics.key_of(message.topic)  # raises for what this version does not take
        path = message.topic.removeprefix(desired_topics.PREFIX)
        payload = Payload(message.payload, message.content_type, hashlib.sha256(message.payload).hexdigest())
        pending, applied = self._record.pending, self._record.applied
        is_lacking = self._record.objects.get(path) == payload.digest and not self._arrivals.is_here(
            path, payload.digest
        )  # it was refused before, or had to go
        if is_lacking and applied is not None and not self._expiry(applied):
            await self._doing.bring(key, message)
            return
        if pending is not None and pending.index.objects.get(path) == payload.digest:
            await self._arrivals.keep(path, payload)
        elif is_lacking and applied is not None:
            raise EdgeletError("Expired", f"cannot take {path}: {self._expiry(applied)}")
        elif self._record.objects.get(path) != payload.digest:
            self._arrivals.hold(path, payload)
            _log.info("%s waits for an index that names it", message.topic[:200])
        self._doing.accept(message.topic)

    # ---- taking effect

    async def _settle(self) -> None:
        """Do what is to be done by now; may be done again after any failure. Raises StorageError."""
        if self._record.in_force and not self._carried_out:
            await self._carry_out()
        pending = self._record.pending
        if pending is None:
            return
        for path, error in (await self._arrivals.collect(pending.index, before=self._record.objects)).items():
            self._doing.refuse(desired_topics.PREFIX + path, error)
        if self._arrivals.missing or self._expiry(pending):
            return
        await self._write(self._record.committed(self._around.keys))
        self._carried_out = False
        _log.info("index %s rules", pending.index.version)
        await self._carry_out()

    async def _carry_out(self) -> None:
        """Make the store what the index in force says. Raises StorageError."""
        objects = self._record.objects
        for key in self._unwanted(objects):
            await self._doing.remove(desired_topics.PREFIX + desired_topics.path_of(key))
        for path in sorted(objects, key=_rank):
            topic = desired_topics.PREFIX + path
            try:
                key = desired_topics.key_of(topic)
            except EdgeletError as error:
                self._doing.refuse(topic, error)
                continue
            payload = self._arrivals.named.get(path)
            if payload is not None and payload.digest == objects[path]:
                await self._doing.bring(key, _message(topic, payload))
        pending = self._record.pending
        await self._arrivals.named.keep_only(dict(pending.index.objects) if pending is not None else {})
        self._carried_out = True
        self._permit.forget()
        self.ruled.set()
        self._changed()

    def _unwanted(self, objects: Mapping[str, str]) -> list[Key]:
        """Return what the index does not name and is here, or is to follow; pods first."""
        source = self._around.source
        found = {
            one.key
            for kind in _KIND_ORDER
            for one in self._store.list(kind)
            if one.source == source and not one.deleting
        }
        found |= {
            Key("Pod", one.key.namespace, one.key.name)
            for one in self._store.list(successors.KIND)
            if one.source == source
        }
        unwanted = [key for key in found if desired_topics.path_of(key) not in objects and key != _DEFAULT]
        return sorted(unwanted, key=lambda key: (-_KIND_ORDER.index(key.kind), key))

    def _remembered(self) -> TrustRecord:
        try:
            return trust_record.decode(self._around.ledger.read(trust_record.FACT))
        except StorageError as error:
            # Beginning anew would take any old index. A newer edgelet may be able to read it.
            self._unreadable = f"{error.message}; nobody is believed until it can be"
            return TrustRecord()

    async def _write(self, record: TrustRecord) -> None:
        await self._around.ledger.write(trust_record.FACT, trust_record.encode(record))
        self._record = record

    # ---- the time

    def _look(self) -> None:
        """Notice that the index has expired, or a fresh one has come, and tell it once."""
        applied = self._record.applied if self._record.in_force else None
        stale = self._expiry(applied) if applied is not None else "no signed index has come yet"
        stale = self._unreadable or stale
        if stale == self._stale:
            return
        if stale:
            self._tell("Stale", f"What runs goes on, nothing new begins: {stale}")
        self._stale = stale
        self._changed()

    def _look_at_pending(self, before: str) -> str:
        """Tell once of an index that waited at the last look too; return the digest of the one that waits now.

        Between index and payload there are milliseconds; what takes longer is lost, or held back.
        """
        pending, missing = self._record.pending, self._arrivals.missing
        if pending is None:
            return ""
        if pending.digest == before and missing and self._told != before:
            self._told = before
            shown = ", ".join(sorted(missing)[:_TOLD_PATHS])
            version = pending.index.version
            self._tell("IndexWaits", f"Index {version} waits for {len(missing)} payloads, such as {shown}")
        return pending.digest

    def _expiry(self, heard: Heard) -> str:
        return trust_record.expiry(heard, now=self._around.now())

    @property
    def _doing(self) -> Hands:
        if self._hands is None:
            raise LookupError("nobody brings objects into the store: work_with comes first")
        return self._hands

    def _tell(self, reason: str, message: str) -> None:
        _log.warning("%s", message, extra={"reason": reason})
        self._around.events.record(self._around.node, "", type="Warning", reason=reason, message=message)


_DEFAULT = Key("Namespace", "", "default")  # may not be deleted


def _nobody() -> None:
    """Nobody is told."""


def _rank(path: str) -> tuple[int, str]:
    kind = kinds.of_word(path.partition("/")[0])
    known = kind is not None and kind.kind in _KIND_ORDER
    return (_KIND_ORDER.index(kind.kind) if kind is not None and known else len(_KIND_ORDER), path)


def _message(topic: str, payload: Payload) -> Message:
    return Message(
        topic=topic,
        payload=payload.data,
        qos=1,
        retained=True,
        connection=0,
        packet_id=0,
        content_type=payload.content_type,
    )
