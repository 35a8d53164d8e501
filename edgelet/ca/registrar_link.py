"""The registrar's end of the broker: requests in, answers out, over connections that come and go."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from paho.mqtt.client import MQTTMessage

from edgelet.adapters.mqtt import packets, reconnect
from edgelet.adapters.mqtt.endpoint import Endpoint
from edgelet.adapters.mqtt.link import Link
from edgelet.adapters.mqtt.reconnect import Trouble
from edgelet.api import enrolment, enrolment_topics, strict_fields
from edgelet.api.enrolment import TimeRequest
from edgelet.api.enrolment_topics import Origin
from edgelet.api.errors import BusError
from edgelet.ca.rate_limit import Bucket, Buckets, Rate
from edgelet.ports.bus import Message
from edgelet.ports.clock import Clock

_log = logging.getLogger(__name__)

ANSWER_EXPIRY_S = 300  # who asked hears it at once, or asks again
_WAITING = 64  # requests read and not answered yet
_STRANGERS = Rate(burst=60, per_s=20)  # all who have no certificate share one login, so one bound
_NODE = Rate(burst=6, per_s=0.1)  # one node that asks under its certificate
_ECHO_S = 10.0
_LONGEST_PAUSE_S = 30.0  # boards wait for us

Answer = Callable[[Origin, bytes], bytes | None]


@dataclass(frozen=True, slots=True)
class _Waiting:
    origin: Origin
    message: Message


class RegistrarLink:
    """Connects for ever; each request is answered once, in the order of arrival, then acknowledged.

    What was not acknowledged when a connection or the registrar itself ended comes again, which is harmless: an answer
    depends on the request and what is stored, not on how often it is asked for.
    """

    def __init__(
        self, endpoint: Endpoint, *, prefix: str, clock: Clock, chance: Callable[[], float], answer: Answer
    ) -> None:
        """`answer` is given where a request came from and its payload; None: no answer. It must not raise."""
        self._endpoint = endpoint
        self._prefix = prefix
        self._clock = clock
        self._chance = chance
        self._answer = answer
        self._link: Link | None = None
        self._connection = 0
        self._closing = asyncio.Event()
        self._waiting: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._strangers = Bucket(_STRANGERS, now_s=clock.monotonic_s())
        self._nodes = Buckets(_NODE)
        self._dropped = 0
        self._echo = ""  # the topic of a request of our own
        self._echoed = asyncio.Event()
        self.connected = asyncio.Event()  # set while the subscriptions stand

    async def run(self) -> None:
        """Connect, and again whenever the connection ends, until `close`."""
        trouble = Trouble()
        while not self._closing.is_set():
            self._connection += 1
            reason, lasted_s = await self._one_connection()
            if self._closing.is_set():
                return
            trouble = reconnect.after(trouble, lasted_s=lasted_s)
            if trouble.fighting:
                reason = f"another client may use the id {self._endpoint.client_id} ({reason})"
            pause_s = min(reconnect.pause_s(trouble, chance=self._chance()), _LONGEST_PAUSE_S)
            _log.warning("broker connection ended: %s; next attempt in %.1f s", reason, pause_s)
            await self._pause(pause_s)

    async def close(self) -> None:
        """Say goodbye and have `run` return."""
        self._closing.set()
        if self._link is not None:
            await self._link.close()

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish under a whole topic, QoS 1.

        Raises:
            BusError: Not connected, or the broker refuses.
        """
        link = self._link
        if link is None or not self.connected.is_set():
            raise BusError("BrokerUnavailable", f"cannot publish to {topic}: not connected")
        properties = packets.publish_properties(None if retain else ANSWER_EXPIRY_S)
        await link.publish(topic, payload, qos=1, retain=retain, properties=properties)

    # ---- one connection

    async def _one_connection(self) -> tuple[str, float | None]:
        started_s: float | None = None
        self._waiting = asyncio.Queue()
        self._echoed.clear()
        self._link = link = Link(self._endpoint, will=None, deliver=self._deliver)
        try:
            await link.open()
            started_s = self._clock.monotonic_s()
            await link.subscribe(enrolment_topics.registrar_filters(self._prefix), retain_as_published=True)
            _log.info("connected to %s", self._endpoint.address)
            self.connected.set()
            reason = await self._stay(link)
        except BusError as error:
            reason = error.message
        finally:
            self.connected.clear()
            link.fail("given up")
            self._link = None
        return reason, None if started_s is None else self._clock.monotonic_s() - started_s

    async def _stay(self, link: Link) -> str:
        working = asyncio.create_task(self._work(link), name="registrar/answers")
        working.add_done_callback(lambda _: link.fail("nobody answers any more"))  # then it all begins anew
        listening = asyncio.create_task(self._prove_hearing(link), name="registrar/echo")
        try:
            return await link.ended()
        finally:
            for task in (working, listening):
                task.cancel()
            await asyncio.gather(working, listening, return_exceptions=True)

    async def _prove_hearing(self, link: Link) -> None:
        """Send ourselves a request: a broker grants any subscription, and then delivers what its access list allows."""
        properties = packets.publish_properties(ANSWER_EXPIRY_S)
        warned = False
        while not self._echoed.is_set():
            self._echo = enrolment_topics.bootstrap_request(self._prefix, secrets.token_hex(16))
            request = enrolment.encode_request(TimeRequest(nonce=secrets.token_hex(16)))
            why = "it does not deliver them"
            try:
                await link.publish(self._echo, request, qos=1, retain=False, properties=properties)
            except BusError as error:
                why = error.message
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ECHO_S):
                    await self._echoed.wait()
                    continue
            if not warned:
                _log.warning(
                    "the broker keeps requests from this registrar: %s. Is it in the access list? edgelet ca mosquitto "
                    "puts it there, then the broker has to read that",
                    why,
                )
            warned = True
        _log.info("hears requests")

    def _deliver(self, message: MQTTMessage) -> None:
        """Take one message off the socket: kept for its turn, or acknowledged and forgotten."""
        link = self._link
        if link is None:
            return
        try:
            value = packets.to_message(message, root="", connection=self._connection)
        except Exception as error:  # noqa: BLE001  whatever is in it, it must not come again and again
            _log.warning("message dropped: %s", error)
            link.acknowledge(message.mid, message.qos)
            return
        if value.topic == self._echo:
            self._echoed.set()
            link.acknowledge(value.packet_id, value.qos)
            return
        origin = enrolment_topics.origin(self._prefix, value.topic)
        if origin is not None and value.payload and self._allowed(origin):
            self._waiting.put_nowait(_Waiting(origin, value))
            if self._waiting.qsize() >= _WAITING:
                link.pause()
        else:
            link.acknowledge(value.packet_id, value.qos)

    def _allowed(self, origin: Origin) -> bool:
        now_s = self._clock.monotonic_s()
        good = self._nodes.take(origin.node, now_s=now_s) if origin.node else self._strangers.take(now_s=now_s)
        if not good:
            self._dropped += 1
            if self._dropped & (self._dropped - 1) == 0:  # 1, 2, 4, 8 ...: a flood must not fill the log
                _log.warning("%d requests dropped, more than are answered a second", self._dropped)
        return good

    async def _work(self, link: Link) -> None:
        """Answer one after the other."""
        while True:
            waiting = await self._waiting.get()
            if self._waiting.qsize() <= _WAITING // 2:
                link.resume()
            try:
                await self._settle(link, waiting)
            except BusError as error:
                _log.warning("no answer to a request on %s: %s", waiting.origin.topic, error.message)
            link.acknowledge(waiting.message.packet_id, waiting.message.qos)

    async def _settle(self, link: Link, waiting: _Waiting) -> None:
        message, origin = waiting.message, waiting.origin
        if message.retained and not origin.node:
            # A stranger's request has its moment: one that the broker keeps would come at each of our starts, for ever.
            await link.publish(message.topic, b"", qos=1, retain=True, properties=packets.publish_properties(None))
            return
        too_large = len(message.payload) > strict_fields.MAX_BYTES
        answer = None if too_large else self._answer(origin, message.payload)
        if answer is not None:
            properties = packets.publish_properties(ANSWER_EXPIRY_S)
            await link.publish(origin.reply_topic, answer, qos=1, retain=False, properties=properties)

    def judge_again(self) -> None:
        """End the connection if its broker's certificate is known to be revoked by now."""
        if self._link is not None:
            self._link.judge_again()

    async def _pause(self, seconds: float) -> None:
        """Wait, or until `close`."""
        sleeping = asyncio.create_task(self._clock.sleep(seconds), name="registrar/pause")
        closing = asyncio.create_task(self._closing.wait(), name="registrar/closing")
        try:
            await asyncio.wait({sleeping, closing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            closing.cancel()
            await asyncio.gather(sleeping, closing, return_exceptions=True)
