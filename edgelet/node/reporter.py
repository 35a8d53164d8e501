"""Tells the world: birth, node, every object's status, events, refusals. Only changes, newest first, never waiting."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass

from edgelet.api.errors import BusError, EdgeletError, StorageError, TooLargeError
from edgelet.node import failure, status_message, wire_topics
from edgelet.node.kept_events import KeptEvents
from edgelet.node.leftovers import Leftovers
from edgelet.node.outbox import Letter, Outbox, Rank
from edgelet.node.pace import Pace
from edgelet.node.published_topics import PublishedTopics
from edgelet.node.status_desk import StatusDesk
from edgelet.ports.bus import Bus, BusEvent, Connected, Disconnected, Message, Synced, Will
from edgelet.ports.clock import Clock
from edgelet.ports.events import EventSink
from edgelet.ports.object_store import Document, Key, Ledger, ObjectStore

_log = logging.getLogger(__name__)

_AT_ONCE = 8  # publishes under way
_TOO_LARGE = TooLargeError("cannot tell the whole status: the broker takes smaller packets only")
_BURST = 4  # statuses of one object before its interval counts
_REPLY_EXPIRY_S = 3600
_RETRY_S = 5.0
_GOODBYE_S = 2.0
_LAST_LOOK_S = 0.02  # the newest change may be on its way from the store


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How often what is told."""

    status_interval_s: float = 1.0  # between statuses of one object, after a burst of four
    node_interval_s: float = 21600.0  # status/node where nothing changed
    full_interval_s: float = 600.0  # between two tellings of everything, however often the link comes and goes
    save_delay_s: float = 2.0  # the list of published topics is written that much after a change
    will_delay_s: int = 10


class Reporter:
    """The node's voice. `run` is its one task; `notice`, `refused`, `accepted` and `event` never wait."""

    def __init__(
        self,
        bus: Bus,
        *,
        store: ObjectStore,
        ledger: Ledger,
        clock: Clock,
        boot_id: str,
        node_name: str,
        node: Callable[[], Document],
        describe: Callable[[EdgeletError], Document],
        events: EventSink,
        rhythm: Rhythm | None = None,
        outbox_bytes: int = 8 * 1024 * 1024,
        unsure: bool = False,
    ) -> None:
        """`boot_id` is new at each start of the agent; `node` makes the Node document when it is sent.

        `describe` makes the Kubernetes Status of an error. `unsure`: the ledger may lack what was written last.
        """
        self._bus = bus
        self._store = store
        self._clock = clock
        self._boot_id = boot_id
        self._node_key = Key("Node", "", node_name)
        self._events = events
        self._rhythm = rhythm if rhythm is not None else Rhythm()
        self._outbox = Outbox(max_bytes=outbox_bytes)
        self._pace = Pace(interval_s=self._rhythm.status_interval_s, burst=_BURST)
        self._published = PublishedTopics(ledger)
        self._kept = KeptEvents(ledger, clock=clock)
        for letter in self._kept.letters():
            self._outbox.put(letter)
        self._describe = describe
        self._desk = StatusDesk(store, published=self._published, node=node, boot_id=boot_id)
        self._leftovers = Leftovers(bus, desk=self._desk, published=self._published, tell=self._status, unsure=unsure)
        self._wake = asyncio.Event()
        self._unsaved = asyncio.Event()
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._online = False
        self._connection = 0
        self._told_all_s: float | None = None
        self._owing = asyncio.Event()  # everything is to be told again, once full_interval_s is over
        bus.set_will(self._will)

    # ---- what others call; none of it waits

    def notice(self, event: BusEvent) -> bool:
        """Take an event of the bus; False for messages, which are somebody else's."""
        match event:
            case Connected():
                self._greet(event)
            case Synced():
                self._leftovers.synced()
            case Disconnected(fighting=fighting, reason=reason):
                self._online = False
                if fighting:
                    self._events.record(self._node_key, "", type="Warning", reason="TakeoverFight", message=reason)
            case Message():
                return False
        return True

    def refused(self, topic: str, error: EdgeletError) -> None:
        """Tell that a message on `topic` was not taken: status/... with `error`, or cmdstatus/..."""
        mirror = wire_topics.of_refusal(topic)
        if mirror is None:
            return
        status = failure.shortened(self._describe(error))
        if mirror.startswith("cmdstatus/"):
            body = {"phase": "Failed", "error": status}
            self._put(Letter(mirror, Rank.REPLY, self._desk.encode(body), expiry_s=_REPLY_EXPIRY_S))
        elif self._desk.note_refusal(mirror, status):
            self._status(mirror)
        elif (payload := self._desk.refuse(mirror, status)) is not None:
            self._put(Letter(mirror, Rank.STATUS, payload, retain=True))

    def accepted(self, topic: str) -> None:
        """Tell the newest about `topic`: what was refused there is forgiven, what was there may be gone."""
        mirror = wire_topics.of_refusal(topic)
        if mirror is not None:
            self._desk.forgive(mirror)
            self._status(mirror)

    def event(self, document: Document) -> None:
        """Tell a Kubernetes Event; a later one of the same name takes its place while it waits."""
        payload = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
        self._put(Letter(wire_topics.of_event(document), Rank.EVENT, payload))
        if not self._online:
            self._kept.note()

    def node_changed(self) -> None:
        """Tell status/node if it differs in more than heartbeats."""
        self._status(wire_topics.NODE)

    # ---- its life

    async def run(self) -> None:
        """Watch and tell for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch(), name="reporter/watch")
            tasks.create_task(self._repeat_node(), name="reporter/node")
            tasks.create_task(self._pay(), name="reporter/owed")
            tasks.create_task(self._keep_list(), name="reporter/list")
            tasks.create_task(self._leftovers.run(), name="reporter/leftovers")
            tasks.create_task(self._kept.follow(self._unsent_events), name="reporter/events")
            await self._send_for_ever(tasks)

    async def goodbye(self) -> None:
        """Say `offline`, after what is due already; two seconds at most. Call it before the bus is closed."""
        try:
            async with asyncio.timeout(_GOODBYE_S):
                await self._clock.sleep(_LAST_LOOK_S)
                while self._online and self._outbox.busy(now_s=self._clock.monotonic_s()):
                    await self._clock.sleep(0.02)
                await self._bus.publish(wire_topics.ONLINE, self._online_payload("offline"), retain=True)
        except (BusError, TimeoutError):
            _log.info("no goodbye: the broker will send the will")
        await self._save_list()
        await self._kept.save(self._unsent_events())

    async def _watch(self) -> None:
        with self._store.watch() as watch:
            async for change in watch:
                if self._desk.tells(change.object.key):
                    self._status(wire_topics.of_object(change.object.key))

    async def _repeat_node(self) -> None:
        while True:
            await self._clock.sleep(self._rhythm.node_interval_s)
            self._desk.forget(wire_topics.NODE)
            self._status(wire_topics.NODE)

    async def _pay(self) -> None:
        """Tell everything once the interval is over since the last time; while offline the next greeting does."""
        while True:
            await self._owing.wait()
            if (told_s := self._told_all_s) is not None:
                await self._clock.sleep(max(0.0, told_s + self._rhythm.full_interval_s - self._clock.monotonic_s()))
            if self._owing.is_set() and self._online and not self._told_recently():
                self._tell_all()
            elif not self._online:
                self._owing.clear()

    async def _keep_list(self) -> None:
        while True:
            await self._unsaved.wait()
            await self._clock.sleep(self._rhythm.save_delay_s)
            self._unsaved.clear()
            await self._save_list()

    async def _save_list(self) -> None:
        try:
            await self._published.save()
        except StorageError as error:
            _log.warning("cannot keep the list of published topics: %s", error.message)
            self._unsaved.set()

    def _unsent_events(self) -> tuple[Letter, ...]:
        return self._outbox.waiting(Rank.EVENT)

    # ---- sending

    async def _send_for_ever(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            await self._slots.acquire()
            letter = await self._next()
            tasks.create_task(self._send(letter), name=f"reporter/send/{letter.topic[:80]}")

    async def _next(self) -> Letter:
        """Return the next letter that may go now."""
        while True:
            self._wake.clear()
            now_s = self._clock.monotonic_s()
            letter = self._outbox.take(now_s=now_s) if self._online else None
            if letter is not None:
                return letter
            due_s = self._outbox.next_due_s() if self._online else None
            try:
                async with asyncio.timeout(None if due_s is None else max(0.0, due_s - now_s)):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _send(self, letter: Letter) -> None:
        """Publish one letter; what cannot be sent now goes back, what can never be is told in the log."""
        topic = letter.topic
        payload, digest = letter.payload, None
        try:
            if payload is None:
                await self._announce(topic)
                rendered = self._desk.render(topic)
                if rendered is None:
                    self._outbox.sent(letter)
                    return
                payload, digest = rendered
            if letter.rank is Rank.STATUS:
                self._pace.spend(topic, now_s=self._clock.monotonic_s())
            await self._bus.publish(topic, payload, retain=letter.retain, expiry_s=letter.expiry_s)
        except BusError as error:
            self._not_sent(letter, error)
        except BaseException:
            self._outbox.failed(letter, due_s=0.0)
            raise
        else:
            self._outbox.sent(letter)
            if letter.rank is Rank.STATUS:
                self._desk.arrived(topic, digest=digest, empty=not payload, now_s=self._clock.monotonic_s())
                if self._published.dirty:
                    self._unsaved.set()
            elif letter.rank is Rank.EVENT and self._kept.any:
                self._kept.note()
        finally:
            self._slots.release()
            self._wake.set()

    async def _announce(self, topic: str) -> None:
        """Have an object's topic on disk before it is published for the first time: whoever dies in between clears it.

        A refusal without an object is not worth that: whatever ends it is told on its topic anyway.
        """
        if topic == wire_topics.NODE or topic in self._published or not self._desk.concerns(topic):
            return
        self._published.add(topic)
        await self._save_list()

    def _not_sent(self, letter: Letter, error: BusError) -> None:
        now_s = self._clock.monotonic_s()
        if not self._bus.connected:
            self._online = False  # until the next Connected
            self._outbox.failed(letter, due_s=0.0)
        elif error.retry_after is not None:
            self._outbox.failed(letter, due_s=now_s + max(_RETRY_S, error.retry_after.total_seconds()))
        else:
            self._outbox.sent(letter)
            _log.warning("cannot tell %s: %s", letter.topic, error.message, extra={"reason": error.reason})
            if (
                error.reason == "PacketTooLarge"
                and letter.rank is Rank.STATUS
                and self._desk.shorten(letter.topic, self._describe(_TOO_LARGE))
            ):
                self._status(letter.topic)

    # ---- what is to be told

    def _put(self, letter: Letter) -> None:
        self._outbox.put(letter)
        self._wake.set()

    def _status(self, topic: str) -> None:
        # Of what is gone nothing newer will come: whoever waits for its end need not wait for its turn.
        gone = topic != wire_topics.NODE and not self._desk.concerns(topic)
        due_s = 0.0 if gone else self._pace.due_s(topic, now_s=self._clock.monotonic_s())
        self._put(Letter(topic, Rank.STATUS, retain=True, due_s=due_s))

    def _greet(self, event: Connected) -> None:
        """Say `online`, then everything the broker may not have.

        A broker that lost its session lost what it retained too. One that still has it may have been set back by a kill
        or a power cut to what it saved before: what was new lately is told once more, and everything in its turn, but
        not at each hiccup of a bad link.
        """
        self._online = True
        self._connection = event.connection
        self._put(Letter(wire_topics.ONLINE, Rank.BIRTH, self._online_payload("online"), retain=True))
        news = self._desk.take_news(since_s=self._clock.monotonic_s() - self._rhythm.full_interval_s)
        if event.session_present and self._told_recently():
            self._owing.set()
        else:
            self._tell_all()
        for topic in news:  # all of them: of what went lately only the news tell
            self._desk.forget(topic)
            self._status(topic)

    def _told_recently(self) -> bool:
        told_s = self._told_all_s
        return told_s is not None and self._clock.monotonic_s() - told_s < self._rhythm.full_interval_s

    def _tell_all(self) -> None:
        self._told_all_s = self._clock.monotonic_s()
        self._owing.clear()
        self._desk.forget_all()
        self._status(wire_topics.NODE)
        for key in self._desk.objects():
            self._status(wire_topics.of_object(key))

    def _will(self, connection: int) -> Will:
        payload = status_message.online("lost", boot_id=self._boot_id, connection=connection, since=self._stamp())
        return Will(wire_topics.ONLINE, payload, self._rhythm.will_delay_s)

    def _online_payload(self, state: str) -> bytes:
        return status_message.online(state, boot_id=self._boot_id, connection=self._connection, since=self._stamp())

    def _stamp(self) -> str:
        return self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
