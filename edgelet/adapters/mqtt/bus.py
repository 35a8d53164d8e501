"""The node's end of the broker: connects for ever, subscribes, hands on what comes, publishes what is asked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace

from paho.mqtt.client import MQTTMessage

from edgelet.adapters.mqtt import errors, handshake, packets, reconnect, survey
from edgelet.adapters.mqtt.endpoint import Endpoint
from edgelet.adapters.mqtt.inbox import Inbox
from edgelet.adapters.mqtt.link import Link
from edgelet.adapters.mqtt.packets import ServerLimits
from edgelet.adapters.mqtt.pause import Pause
from edgelet.adapters.mqtt.reconnect import Trouble
from edgelet.adapters.mqtt.survey import Survey
from edgelet.adapters.mqtt.tls_files import TlsFiles
from edgelet.adapters.mqtt.trial import Trial
from edgelet.api.errors import BusError
from edgelet.ports.bus import BusEvent, Connected, Disconnected, Message, Synced, Will
from edgelet.ports.clock import Clock

_log = logging.getLogger(__name__)

SUBSCRIPTIONS = ("desired/index", "desired/#", "cmd/#", "sync")  # in this order: the index comes first
_SYNC = "sync"
_MAX_IN_FLIGHT = 20
_MAX_EARLY = 1000


@dataclass(frozen=True, slots=True)
class _End:
    """How a connection ended: for people, for machines, and how long it stood (None: it never did)."""

    reason: str
    code: str
    lasted_s: float | None


class MqttBus:
    """ports.bus over MQTT v5. `run` is its one task; `close` ends it."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        clock: Clock,
        chance: Callable[[], float],
        reconnect_max_s: float = 120.0,
        inbox_messages: int = 64,
        inbox_bytes: int = 4 * 1024 * 1024,
        subscriptions: Sequence[str] = SUBSCRIPTIONS,
    ) -> None:
        """`chance` is random.random or a test's: it spreads the reconnects and makes the barrier's nonce."""
        self._subscriptions = tuple(subscriptions)
        self._endpoint = endpoint
        self._clock = clock
        self._chance = chance
        self._reconnect_max_s = reconnect_max_s
        self._inbox = Inbox(max_messages=inbox_messages, max_bytes=inbox_bytes, drained=self._resume)
        self._make_will: Callable[[int], Will] | None = None
        self._link: Link | None = None
        self._limits: ServerLimits | None = None  # set while connected
        self._slots = asyncio.Semaphore(_MAX_IN_FLIGHT)
        self._early: list[Message] = []  # came before the subscriptions stood: delivered after Connected
        self._connection = 0
        self._nonce = b""
        self._survey: Survey | None = None
        self._deafening: asyncio.Task[None] | None = None
        self._pause = Pause(clock)
        self._trial: Trial | None = None

    @property
    def connected(self) -> bool:
        return self._limits is not None

    async def events(self) -> AsyncIterator[BusEvent]:
        """Yield what happens, in order, for ever. One reader."""
        while True:
            yield await self._inbox.get()

    def acknowledge(self, message: Message) -> None:
        """Send PUBACK, if the message came over the present connection."""
        if self._link is not None and message.connection == self._connection and message.qos:
            self._link.acknowledge(message.packet_id, message.qos)

    def set_will(self, make: Callable[[int], Will]) -> None:
        """Have each connection's will made from its number."""
        self._make_will = make

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, expiry_s: int | None = None
    ) -> None:
        """Return when the broker has it; for QoS 0 when the socket has. See ports.bus."""
        what = f"publish to {topic}"
        full_topic = self._endpoint.root + topic
        properties = packets.publish_properties(expiry_s)
        self._check_size(what, packets.publish_size(full_topic, payload, properties))
        async with self._slots:
            link = self._link
            if link is None or self._limits is None:
                raise errors.unavailable(what, "not connected")
            await link.publish(full_topic, payload, qos=qos, retain=retain, properties=properties)

    async def retained_topics(self, below: str) -> frozenset[str]:
        """Return the topics that the broker retains below one of our own. One call at a time. See ports.bus."""
        link = self._link
        if link is None or self._limits is None:
            raise errors.unavailable("learn what the broker retains", "not connected")
        asked = self._survey = Survey(b"survey-" + self._fresh_nonce())
        topic_filter = f"{self._endpoint.root}{below}#"
        try:
            await link.subscribe([topic_filter])
            await self.publish(_SYNC, asked.nonce)
            return await asked.wait(link)
        finally:
            self._survey = None
            await survey.unsubscribe(link, topic_filter)

    async def take_up(self, files: TlsFiles) -> None:
        """Return when the connection was made anew with other files; the session goes on, so nothing is lost.

        A handshake beside the connection tries them first: what the broker refuses there costs nothing. Where the new
        connection fails all the same, the next is made at once with the files of the endpoint. Those are what every
        later connection reads, so install the new ones there.

        Raises:
            BusError: Not connected, refused, or the broker went away meanwhile.
        """
        if not self.connected:
            raise errors.unavailable("try the new certificate", "not connected")
        await handshake.attempt(replace(self._endpoint, files=files))
        link = self._link
        if link is None:
            raise errors.unavailable("try the new certificate", "the connection ended")
        trial = self._trial = Trial(files)
        await link.close()
        await trial.wait()

    async def try_files(self, files: TlsFiles) -> None:
        """Shake hands beside the connection with other files. Raises BusError: refused, or no broker."""
        await handshake.attempt(replace(self._endpoint, files=files))

    def judge_again(self) -> None:
        """End the connection if the broker's certificate is known to be revoked by now."""
        if self._link is not None:
            self._link.judge_again()

    def hurry(self) -> None:
        """End the wait between two attempts: what made the last one fail has changed."""
        self._pause.hurry.set()

    async def run(self) -> None:
        """Connect, and again whenever the connection ends, until `close`. Never raises for what the broker does."""
        trouble = Trouble()
        try:
            while not self._pause.closing.is_set():
                self._connection += 1
                self._pause.hurry.clear()  # here, not before the pause: what changes during an attempt counts too
                trial = self._trial
                end = await self._one_connection(trial)
                if self._pause.closing.is_set():
                    return
                if trial is not None or self._trial is not None:
                    reason = "another certificate is taken up" if trial is None else end.reason
                    _log.info("broker connection ended: %s", reason)
                    self._inbox.put(Disconnected(self._connection, reason, code=end.code))
                    continue
                trouble = reconnect.after(trouble, lasted_s=end.lasted_s)
                await self._rest(trouble, end)
        finally:
            if self._trial is not None:
                self._trial.fail(errors.unavailable("try the new certificate", "the agent stops"))

    async def close(self) -> None:
        """Say goodbye (the broker drops the will) and have `run` return. What is unacknowledged comes again."""
        self._pause.closing.set()
        if self._link is not None:
            await self._link.close()

    # ---- one connection

    async def _one_connection(self, trial: Trial | None) -> _End:
        """Connect and stay until it ends."""
        started_s: float | None = None
        code = ""
        try:
            will = self._make_will(self._connection) if self._make_will is not None else None
            self._early = []
            endpoint = self._endpoint if trial is None else replace(self._endpoint, files=trial.files)
            self._link = link = Link(endpoint, will=will, deliver=self._deliver)
            limits = await link.open()
            started_s = self._clock.monotonic_s()
            await link.subscribe([self._endpoint.root + one for one in self._subscriptions])
            if trial is not None:
                self._trial = None
                trial.succeed()
            reason = await self._stay(link, limits)
        except BusError as error:
            reason, code = error.message, error.reason
            if trial is not None:
                self._trial = None
                trial.fail(error)
        finally:
            self._limits = None
            if self._link is not None:
                self._link.fail("given up")
            self._link = None
        return _End(reason, code, None if started_s is None else self._clock.monotonic_s() - started_s)

    async def _rest(self, trouble: Trouble, end: _End) -> None:
        """Tell that the connection is gone, and wait before the next one."""
        reason = end.reason
        if trouble.fighting:
            reason = f"takeover fight: another client may use the id {self._endpoint.client_id} ({reason})"
        pause_s = min(reconnect.pause_s(trouble, chance=self._chance()), self._reconnect_max_s)
        _log.warning("broker connection ended: %s; next attempt in %.1f s", reason, pause_s)
        self._inbox.put(Disconnected(self._connection, reason, fighting=trouble.fighting, code=end.code))
        await self._pause.wait(pause_s)

    async def _stay(self, link: Link, limits: ServerLimits) -> str:
        """Announce the connection and return why it ended."""
        _log.info("connected to %s, session_present=%s", self._endpoint.address, limits.session_present)
        self._slots = asyncio.Semaphore(min(_MAX_IN_FLIGHT, limits.receive_maximum))
        self._limits = limits
        self._inbox.put(Connected(self._connection, limits.session_present, limits.maximum_packet_bytes))
        early, self._early = self._early, []
        for message in early:
            self._take(link, message)
        self._nonce = self._fresh_nonce()
        barrier = asyncio.create_task(self._send_barrier(), name="mqtt/barrier")
        try:
            return await link.ended()
        finally:
            barrier.cancel()
            await asyncio.gather(barrier, return_exceptions=True)

    def _fresh_nonce(self) -> bytes:
        return f"{self._connection}-{self._chance():.17f}".encode()

    async def _send_barrier(self) -> None:
        """Publish the barrier: QoS 1, since a QoS 0 one overtakes the retained messages (measured)."""
        try:
            await self.publish(_SYNC, self._nonce)
        except BusError as error:
            _log.warning("no barrier: retained objects are taken, their end is not noticed: %s", error.message)

    def _deliver(self, message: MQTTMessage) -> None:
        """Take one message off the socket. What cannot be read is acknowledged, or it would come for ever."""
        link = self._link
        if link is None:
            return
        try:
            value = packets.to_message(message, root=self._endpoint.root, connection=self._connection)
        except Exception as error:  # noqa: BLE001  whatever is in it, it must not end the connection again and again
            _log.warning("message dropped: %s", error)
            link.acknowledge(message.mid, message.qos)
            return
        if value.topic.startswith(survey.OWN):
            self._hear_own(link, value)
        elif self._limits is not None:
            self._take(link, value)
        elif len(self._early) < _MAX_EARLY:
            self._early.append(value)
        else:
            link.fail("the broker sent more than ReceiveMaximum before it answered SUBSCRIBE")

    def _hear_own(self, link: Link, message: Message) -> None:
        """Take what we said ourselves: an answer, or a subscription that a kill left in the session."""
        link.acknowledge(message.packet_id, message.qos)
        if self._survey is not None:
            self._survey.hear(message.topic, message.payload, retained=message.retained)
        elif self._deafening is None or self._deafening.done():
            end = survey.unsubscribe(link, f"{self._endpoint.root}{survey.OWN}#")
            self._deafening = asyncio.create_task(end, name="mqtt/unsubscribe")

    def _take(self, link: Link, message: Message) -> None:
        if message.topic == _SYNC:
            link.acknowledge(message.packet_id, message.qos)
            if self._survey is not None and message.payload == self._survey.nonce:
                self._survey.finish()
            if message.payload == self._nonce:  # an older one is left over from a connection before
                self._inbox.put(Synced(self._connection))
            return
        self._inbox.put(message)
        if self._inbox.full:
            link.pause()

    def _resume(self) -> None:
        if self._link is not None:
            self._link.resume()

    def _check_size(self, what: str, size_bytes: int) -> None:
        limits = self._limits
        if limits is None:
            raise errors.unavailable(what, "not connected")
        if size_bytes > limits.maximum_packet_bytes:
            raise BusError(
                "PacketTooLarge",
                f"cannot {what}: {size_bytes} bytes, the broker takes {limits.maximum_packet_bytes}",
            )
