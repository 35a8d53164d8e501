"""One connection to the broker, from CONNECT to its end: paho on the asyncio loop, a new client object for each.

A fresh client keeps nothing of the connection before: no packet id, no queue, no poison message that paho would send
again at every reconnect.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import LogLevel
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edgelet.adapters.mqtt import errors, packets, paho_client, sockets, thread_call
from edgelet.adapters.mqtt.answers import Answers
from edgelet.adapters.mqtt.endpoint import Endpoint
from edgelet.adapters.mqtt.keepalive import Keepalive
from edgelet.adapters.mqtt.packets import ServerLimits
from edgelet.api.errors import BusError
from edgelet.ports.bus import Will

_ANSWER_TIMEOUT_S = 20.0
_SETTLED_MAX_S = 120.0  # from a PUBLISH or SUBSCRIBE to the broker's word
_PACKETS_A_TURN = 32


class Link:
    """One connection. Everything but the inside of `open` runs on the loop."""

    def __init__(self, endpoint: Endpoint, *, will: Will | None, deliver: Callable[[MQTTMessage], None]) -> None:
        """`deliver` gets each message that arrives; an error it raises ends the link, not the agent."""
        self._endpoint = endpoint
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._client = paho_client.make(endpoint, will=will)
        self._listen()
        self._socket: Any = None
        self._paused = False
        self._trouble = ""  # paho's own words for an error, where it only logs them
        self._connack: asyncio.Future[ServerLimits] = self._loop.create_future()
        self._answers = Answers(self._loop)
        self._ended: asyncio.Future[str] = self._loop.create_future()
        self._keepalive = Keepalive(self._loop, interval_s=lambda: self._client.keepalive, due=self._ping)

    @property
    def alive(self) -> bool:
        return not self._ended.done()

    async def open(self) -> ServerLimits:
        """Connect and return what CONNACK said.

        Raises:
            BusError: The broker is not there, or refuses.
        """
        what = f"connect to {self._endpoint.address}"
        with errors.translated(what):
            await thread_call.run(self._connect, abandoned=self._drop_socket, name="mqtt-connect")
        self._attach()
        try:
            async with asyncio.timeout(_ANSWER_TIMEOUT_S):
                return await self._connack
        except TimeoutError as error:
            raise errors.unavailable(what, "no CONNACK in time") from error

    async def subscribe(self, filters: Sequence[str], *, retain_as_published: bool = False) -> None:
        """Subscribe, one filter after the other in one packet, retained messages sent each time. QoS 1.

        `retain_as_published`: a message that comes at once also says whether the broker retains it.

        Raises:
            BusError: One of them is refused, or the link ended.
        """
        options = SubscribeOptions(
            qos=1, retainAsPublished=retain_as_published, retainHandling=SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE
        )
        _, packet_id = self._client.subscribe([(one, options) for one in filters])
        if packet_id is None:
            raise errors.unavailable("subscribe", "the connection is gone")
        code = await self._answer(packet_id, "subscribe")
        if code.is_failure:
            raise errors.of_code(code.value, f"subscribe to {', '.join(filters)}", str(code))

    async def unsubscribe(self, topic_filter: str) -> None:
        """End a subscription.

        Raises:
            BusError: The broker refuses, or the link ended.
        """
        what = f"unsubscribe from {topic_filter}"
        if not self.alive:
            raise errors.unavailable(what, "not connected")
        _, packet_id = self._client.unsubscribe(topic_filter)
        if packet_id is None:
            raise errors.unavailable(what, "the connection is gone")
        code = await self._answer(packet_id, what)
        if code.is_failure:
            raise errors.of_code(code.value, what, str(code))

    async def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool, properties: Properties) -> None:
        """Return when the broker has it.

        Raises:
            BusError: Refused, or the link ended first (it may have arrived all the same).
        """
        what = f"publish to {topic}"
        if not self.alive:
            raise errors.unavailable(what, "not connected")
        with errors.translated(what):
            info = self._client.publish(topic, payload, qos=qos, retain=retain, properties=properties)
        code = await self._answer(info.mid, what)
        if code.is_failure:
            raise errors.of_code(code.value, what, str(code))

    def acknowledge(self, packet_id: int, qos: int) -> None:
        """Send PUBACK."""
        if self.alive:
            self._client.ack(packet_id, qos)

    def pause(self) -> None:
        """Stop reading the socket: TCP tells the broker."""
        if not self._paused and self._socket is not None:
            self._paused = True
            self._loop.remove_reader(self._socket)

    def resume(self) -> None:
        """Read again, also what TLS holds already."""
        if self._paused:
            self._paused = False
            if self._socket is not None:
                self._loop.add_reader(self._socket, self._readable)
                self._loop.call_soon(self._readable)

    async def ended(self) -> str:
        """Return why, when it is over."""
        return await asyncio.shield(self._ended)

    async def close(self) -> None:
        """Say DISCONNECT (so the broker drops the will) and end; waits two seconds at most."""
        if self.alive:
            self._client.disconnect()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2):
                    await self.ended()
        self.fail("closed")

    def judge_again(self) -> None:
        """End if what the endpoint knows now says that the broker's certificate was revoked."""
        if not self._endpoint.address.tls or self._socket is None:
            return
        from edgelet.adapters.mqtt import broker_chain  # noqa: PLC0415  OpenSSL: a plain link does without

        try:
            broker_chain.check(self._socket, self._endpoint.revoked())
        except BusError as error:
            self.fail(error.message)

    def fail(self, reason: str) -> None:
        """End at once, without a word to the broker. The first reason stands."""
        if self._ended.done():
            return
        self._ended.set_result(reason)
        self._keepalive.stop()
        self._drop_socket()
        errors.give(self._connack, errors.ended(reason))
        self._answers.fail(reason)

    # ---- paho and its socket

    def _listen(self) -> None:
        client = self._client
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_unsubscribe = self._on_subscribe
        client.on_log = self._on_log
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = self._on_register_write
        client.on_socket_unregister_write = self._on_unregister_write

    def _connect(self) -> None:
        """Run in a thread of its own. No callback touches the loop until `_attach`."""
        paho_client.connect(self._client, self._endpoint)

    def _attach(self) -> None:
        sock = self._client.socket()
        if sock is None:
            raise errors.unavailable(f"connect to {self._endpoint.address}", self._trouble or "closed at once")
        with errors.translated("set socket options"):
            # paho has a protocol of its own for its websocket; ours are real sockets
            sockets.tune(sock, keepalive_s=self._client.keepalive)  # type: ignore[arg-type]
        self._socket = sock
        self._loop.add_reader(sock, self._readable)
        if self._client.want_write():
            self._loop.add_writer(sock, self._writable)
        self._keepalive.begin()

    def _readable(self) -> None:
        """Read packets as long as TLS holds decrypted bytes: the socket itself would stay silent about those."""
        try:
            for _ in range(_PACKETS_A_TURN):
                if self._paused or not self.alive:
                    return
                self._keepalive.read()
                self._client.loop_read()
                pending = getattr(self._socket, "pending", None)  # TLS has it
                if pending is None or not pending():
                    return
            self._loop.call_soon(self._readable)
        except Exception as error:  # noqa: BLE001  a packet paho cannot read must not kill the reader in silence
            self.fail(f"cannot read what the broker sent: {error!r}")

    def _writable(self) -> None:
        try:
            self._keepalive.wrote()
            self._client.loop_write()
        except Exception as error:  # noqa: BLE001
            self.fail(f"cannot write to the broker: {error!r}")

    def _ping(self) -> None:
        """Have paho send its ping, or notice that the last one was not answered."""
        try:
            self._client.loop_misc()
        except Exception as error:  # noqa: BLE001
            self.fail(f"cannot keep the connection: {error!r}")

    def _drop_socket(self) -> None:
        sock = self._socket or self._client.socket()
        self._detach()
        if sock is not None:
            sock.close()

    def _detach(self) -> None:
        if self._socket is not None and self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
        self._socket = None

    async def _answer(self, packet_id: int, what: str) -> ReasonCode:
        try:
            return await self._answers.wait(packet_id, at_most_s=min(_SETTLED_MAX_S, 2 * self._endpoint.keepalive_s))
        except TimeoutError as error:
            self.fail(f"the broker did not answer: {what}")
            raise errors.unavailable(what, "no answer in time") from error

    # ---- paho's callbacks: all on the loop, but those of the socket during `_connect`

    def _on_connect(
        self, _client: Client, _data: Any, flags: ConnectFlags, code: ReasonCode, properties: Properties | None
    ) -> None:
        if self._connack.done():
            return
        if code.is_failure:
            self._connack.set_exception(errors.of_code(code.value, f"connect to {self._endpoint.address}", str(code)))
            return
        self._keepalive.again()  # the broker may want to hear from us more often than we offered
        self._connack.set_result(packets.server_limits(properties, session_present=flags.session_present))

    def _on_disconnect(
        self, _client: Client, _data: Any, flags: DisconnectFlags, code: ReasonCode, _properties: Properties | None
    ) -> None:
        if flags.is_disconnect_packet_from_server:
            self.fail(f"the broker disconnected: {code}")
        else:
            self.fail(self._trouble or "the connection was closed")

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self._deliver(message)

    def _on_publish(self, _client: Client, _data: Any, mid: int, code: ReasonCode, _properties: Properties) -> None:
        self._answers.settle(mid, code)

    def _on_subscribe(
        self, _client: Client, _data: Any, mid: int, codes: list[ReasonCode], _properties: Properties | None
    ) -> None:
        self._answers.settle(mid, max(codes, key=lambda code: code.value))

    def _on_log(self, _client: Client, _data: Any, level: int, text: str) -> None:
        if level == LogLevel.MQTT_LOG_ERR:
            self._trouble = text

    def _on_socket_close(self, _client: Client, _data: Any, _socket: Any) -> None:
        self._detach()

    def _on_register_write(self, _client: Client, _data: Any, _socket: Any) -> None:
        if self._socket is not None:
            self._loop.add_writer(self._socket, self._writable)

    def _on_unregister_write(self, _client: Client, _data: Any, _socket: Any) -> None:
        if self._socket is not None:
            self._loop.remove_writer(self._socket)
