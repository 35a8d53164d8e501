"""Desired state from the broker: every message is in the store, or refused aloud, before it is acknowledged."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from edgelet.api import sealed_secret
from edgelet.api.errors import (
    ConflictError,
    EdgeletError,
    ForbiddenError,
    NotFoundError,
    StorageError,
    TooLargeError,
)
from edgelet.intake import desired_topics
from edgelet.intake.mailbox import Mailbox
from edgelet.ports.bus import Bus, BusEvent, Message, Synced
from edgelet.ports.clock import Clock
from edgelet.ports.events import EventSink
from edgelet.ports.object_store import Document, Key, ObjectStore, StoredObject

if TYPE_CHECKING:  # a board that believes its broker loads nothing of it
    from edgelet.intake.signed_messages import SignedMessages

_log = logging.getLogger(__name__)

COMMANDS = "cmd/"
SOURCE = "mqtt"
_FIRST_RETRY_S = 1.0
_MAX_RETRY_S = 60.0
_MAX_WARNINGS = 10
_ATTEMPTS = 3
_PLAIN = "the Secret came in clear, and the broker can read it: seal it for this node, see edgelet seal --help"


class Accepted(Protocol):
    """What became of an object that was applied."""

    @property
    def object(self) -> StoredObject: ...

    @property
    def warnings(self) -> tuple[str, ...]: ...


class Reception(Protocol):
    """The one way into the store: decode, defaults, admission, put. Raises EdgeletError for what it refuses."""

    def read(self, payload: bytes, *, content_type: str = "") -> tuple[Document, ...]: ...

    async def apply(
        self, document: Document, *, source: str, digest: str = "", default_namespace: str = "default", strict: bool
    ) -> Accepted: ...

    async def delete(self, key: Key, *, source: str, grace_s: int | None = None, uid: str | None = None) -> object: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much is taken at once. Beyond `held_*` no further event is read, and the bus stops reading its socket."""

    max_object_bytes: int = 128 * 1024
    held_messages: int = 128
    held_bytes: int = 4 * 1024 * 1024
    strict: bool = False
    plain_secrets: Literal["taken", "warned", "refused"] = "taken"  # Secrets that the broker can read


@dataclass(frozen=True, slots=True, kw_only=True)
class Listeners:
    """Who is told. None of them may wait: whoever waits for the bus here stops its acknowledgements."""

    refused: Callable[[str, EdgeletError], None]  # topic, why
    accepted: Callable[[str], None]  # topic: an earlier refusal does not hold any more
    forward: Callable[[BusEvent], bool]  # all but desired/#; False: nobody takes this message
    events: EventSink
    node: Key  # what an Event is about where there is no object


class MqttSource:
    """Reads the bus. One task per topic that has something to do, so objects commit together and each in order."""

    def __init__(
        self,
        bus: Bus,
        *,
        reception: Reception,
        store: ObjectStore,
        listeners: Listeners,
        clock: Clock,
        bounds: Bounds | None = None,
        signed: SignedMessages | None = None,
    ) -> None:
        """`signed`: only what is signed is taken, see `signed_desired`; None: whoever may publish is believed."""
        self._bus = bus
        self._reception = reception
        self._store = store
        self._tell = listeners
        self._clock = clock
        self._bounds = bounds if bounds is not None else Bounds()
        self._boxes: dict[str, Mailbox] = {}
        self._serving: dict[str, asyncio.Task[None]] = {}
        self._room = asyncio.Event()
        self._signed = signed
        if signed is not None:
            signed.desired.work_with(self)

    async def run(self) -> None:
        """Read for ever."""
        if self._signed is not None:
            await self._signed.desired.resume()
        async with asyncio.TaskGroup() as tasks:
            async for event in self._bus.events():
                if isinstance(event, Message):
                    if (message := await self._authentic(event)) is not None:
                        await self._sort(message, tasks)
                elif isinstance(event, Synced):
                    tasks.create_task(self._forward_when_stored(event), name="mqtt-source/synced")
                else:
                    self._tell.forward(event)

    async def _authentic(self, message: Message) -> Message | None:
        """Return the message as it was signed; None if it was refused, of which nobody else hears then."""
        if self._signed is None:
            return message
        try:
            opened = self._signed.authentic(message)
            if message.topic.startswith(COMMANDS):
                await self._signed.commands.admit(message.topic, opened.payload)
        except EdgeletError as error:
            self.refuse(message.topic, error)
        except Exception as error:  # noqa: BLE001  a message that trips our own code must not end the reading of all
            _log.exception("cannot judge a message", extra={"topic": message.topic})
            why = f"cannot take {message.topic}: {type(error).__name__}"
            self.refuse(message.topic, EdgeletError("InternalError", why))
        else:
            return opened
        self._bus.acknowledge(message)
        return None

    async def _sort(self, message: Message, tasks: asyncio.TaskGroup) -> None:
        if message.topic.startswith(desired_topics.PREFIX):
            await self._wait_for_room()
            self._put(message, tasks)
        elif not self._tell.forward(message):
            why = f"cannot take {message.topic}: this version does not act on it"
            self._tell.refused(message.topic, EdgeletError("MethodNotAllowed", why))
            self._bus.acknowledge(message)

    # ---- one topic

    def _put(self, message: Message, tasks: asyncio.TaskGroup) -> None:
        box = self._boxes.get(message.topic)
        if box is None:
            box = self._boxes[message.topic] = Mailbox()
            name = f"mqtt-source/{message.topic[:80]}"
            self._serving[message.topic] = tasks.create_task(self._serve(message.topic, box), name=name)
        box.put(message)

    async def _serve(self, topic: str, box: Mailbox) -> None:
        """Deal with one topic until nothing is left of it."""
        retry_s = _FIRST_RETRY_S
        while not box.empty:
            count, message = box.count, box.take()
            try:
                await self._take_in(message)
            except StorageError as error:
                self.refuse(topic, error)
                box.put_back(message)
                await self._clock.sleep(retry_s)
                retry_s = min(_MAX_RETRY_S, retry_s * 2)
                continue
            retry_s = _FIRST_RETRY_S
            for token in box.settle(count):
                self._bus.acknowledge(token)
            self._room.set()
        del self._boxes[topic], self._serving[topic]
        self._room.set()

    async def _forward_when_stored(self, event: Synced) -> None:
        """Hand on the barrier once everything that came before it is in the store: who clears up relies on that."""
        if self._serving:
            await asyncio.wait(tuple(self._serving.values()))
        self._tell.forward(event)

    async def _take_in(self, message: Message) -> None:
        """Bring one message into the store, or refuse it; only StorageError is a reason to come back."""
        topic = message.topic
        if self._signed is not None:
            await self._guarded(topic, self._signed.desired.take(message))
        elif await self._guarded(topic, self._apply_by(topic, message) if message.payload else self._delete(topic)):
            self._tell.accepted(topic)

    async def _guarded(self, topic: str, work: Coroutine[Any, Any, None]) -> bool:
        """Await some work and refuse what fails, all but StorageError; whether it was done."""
        try:
            await work
        except StorageError:
            raise
        except EdgeletError as error:
            self.refuse(topic, error)
        except Exception as error:  # noqa: BLE001  a payload that trips our own code must not stop all others
            _log.exception("cannot take in a message", extra={"topic": topic})
            self.refuse(topic, EdgeletError("InternalError", f"cannot take {topic}: {type(error).__name__}"))
        else:
            return True
        return False

    # ---- the hands of signed mode

    async def bring(self, key: Key, message: Message) -> None:
        """Bring an object of the index into the store, or refuse it."""
        if await self._guarded(message.topic, self._apply(key, message)):
            self._tell.accepted(message.topic)

    async def remove(self, topic: str) -> None:
        """Delete what the index does not name any more."""
        if await self._guarded(topic, self._delete(topic)):
            self._tell.accepted(topic)

    def accept(self, topic: str) -> None:
        """Tell that an earlier refusal does not hold any more."""
        self._tell.accepted(topic)

    # ----

    async def _apply_by(self, topic: str, message: Message) -> None:
        await self._apply(desired_topics.key_of(topic), message)

    async def _apply(self, key: Key, message: Message) -> None:
        size = len(message.payload)
        if size > self._bounds.max_object_bytes:
            limit = self._bounds.max_object_bytes
            raise TooLargeError(f"cannot take {key}: {size} bytes, an object may have {limit}")
        digest = hashlib.sha256(message.payload).hexdigest()
        there = self._store.get(key)
        if there is not None and there.source == SOURCE and there.digest == digest and not there.deleting:
            return
        document = desired_topics.only(self._reception.read(message.payload, content_type=message.content_type), key)
        is_plain = key.kind == sealed_secret.STANDS_FOR and not sealed_secret.is_one(document)
        if is_plain and self._bounds.plain_secrets == "refused":
            raise ForbiddenError(f"{key} is forbidden: it is not sealed for this node; see edgelet seal --help")
        accepted = await self._admit(key, document, digest)
        warnings = (_PLAIN,) if is_plain and self._bounds.plain_secrets == "warned" else ()
        for warning in (*warnings, *accepted.warnings[:_MAX_WARNINGS]):
            self._tell.events.record(key, accepted.object.uid, type="Warning", reason="ApplyWarning", message=warning)

    async def _admit(self, key: Key, document: Document, digest: str) -> Accepted:
        """Apply; again where the object came to be at the same moment (a replaced pod's successor)."""
        attempts = _ATTEMPTS
        while True:
            attempts -= 1
            try:
                return await self._reception.apply(
                    document,
                    source=SOURCE,
                    digest=digest,
                    default_namespace=key.namespace or "default",
                    strict=self._bounds.strict,
                )
            except ConflictError as error:
                if error.reason != "AlreadyExists" or not attempts:
                    raise

    async def _delete(self, topic: str) -> None:
        """Delete what a topic names; where it can name nothing, the empty payload only takes back what was refused."""
        try:
            key = desired_topics.key_of(topic)
        except EdgeletError:
            return
        there = self._store.get(key)
        try:
            await self._reception.delete(key, source=SOURCE)  # also where nothing is there: a successor may be waiting
        except NotFoundError:
            return
        except ConflictError as error:
            # Nothing of ours was there to delete, so the topic is clean; whoever meant the other object is told.
            uid = there.uid if there is not None else ""
            self._tell.events.record(key, uid, type="Warning", reason="FailedDelete", message=error.message)

    def refuse(self, topic: str, error: EdgeletError) -> None:
        """Tell that a message was not taken, and why."""
        _log.warning("refused %s: %s", topic[:200], error.message, extra={"reason": error.reason})
        self._tell.refused(topic, error)
        try:
            key = desired_topics.key_of(topic)
        except EdgeletError:
            key = self._tell.node
        there = self._store.get(key)
        uid = there.uid if there is not None else ""
        self._tell.events.record(key, uid, type="Warning", reason="Refused", message=error.message)

    # ---- waiting

    async def _wait_for_room(self) -> None:
        while (
            sum(box.count for box in self._boxes.values()) >= self._bounds.held_messages
            or sum(box.size_bytes for box in self._boxes.values()) >= self._bounds.held_bytes
        ):
            self._room.clear()
            await self._room.wait()
