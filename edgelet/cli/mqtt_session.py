"""A short connection to a broker: leave a retained message, read those that lie there."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from edgelet.adapters.identity import revoked_file
from edgelet.adapters.mqtt import address, packets, tls
from edgelet.adapters.mqtt.address import Address
from edgelet.adapters.mqtt.tls_files import TlsFiles
from edgelet.api.errors import BusError, EdgeletError
from edgelet.api.revocations import Revocations
from edgelet.cli import password
from edgelet.cli.failure import CliError
from edgelet.cli.flags import Parsed
from edgelet.cli.verb import request_timeout_s
from edgelet.ports.bus import Message

T = TypeVar("T")

MAXIMUM_READ_BYTES = 64 * 1024 * 1024  # of retained messages in one answer
QUIET_S = 0.3  # retained messages are over when none has come for so long, or for three times what SUBACK took
KEEPALIVE_S = 60


def connect(parsed: Parsed, *, root: str) -> MqttSession:
    """A connection to the broker that the flags name; topics are given below `root`.

    Raises:
        CliError: It cannot be reached, or refuses.
    """
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    try:
        where = address.parse(parsed.text("broker"))
        if where.tls:
            files = TlsFiles(ca=parsed.text("ca"), certificate=parsed.text("cert"), key=parsed.text("key"))
            client.tls_set_context(tls.make_context(files, revoked=_revoked(files.ca)))
    except EdgeletError as error:
        raise CliError(error.message) from error
    if not where.tls and (parsed.text("ca") or parsed.text("cert")):
        raise CliError("--ca and --cert need an mqtts:// broker")
    if parsed.text("username"):
        file = parsed.text("password-file")
        client.username_pw_set(parsed.text("username"), password.read(file) if file else None)
    return MqttSession(client, where, root=root, timeout_s=request_timeout_s(parsed))


def _revoked(authorities: str) -> Revocations | None:
    """What lies beside the CA file, as on a board; lists that are not there are no reason to refuse a broker."""
    if not authorities:
        return None
    kept = revoked_file.read(revoked_file.beside(Path(authorities)))
    if kept.trouble:
        print(f"warning: {kept.trouble}", file=sys.stderr)
    return kept.known


class MqttSession:
    """A connection to a broker, driven by whoever waits for something of it."""

    def __init__(self, client: Client, where: Address, *, root: str, timeout_s: float) -> None:
        self._client = client
        self.root = root
        self._timeout_s = timeout_s
        self._where = where
        self._connected: ReasonCode | None = None
        self._acknowledged: dict[int, ReasonCode] = {}
        self._granted: dict[int, list[ReasonCode]] = {}
        self._retained: dict[str, Message] = {}
        self._read_bytes = 0
        self._last_message_s = 0.0
        client.on_connect = self._on_connect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        self._connect()

    def _connect(self) -> None:
        try:
            if self._where.transport == "unix":
                raise CliError("--broker unix:// cannot be used here")
            self._client.connect(self._where.host, self._where.port, keepalive=KEEPALIVE_S)
        except OSError as error:  # TLS errors are some too
            raise CliError(f"cannot reach the broker at {self._where}: {error.strerror or error}") from error
        except BusError as error:  # revoked
            raise CliError(error.message) from error
        reason = self._wait(lambda: self._connected, "CONNACK")
        if reason.is_failure:
            raise CliError(f"the broker at {self._where} refuses the connection: {reason}")

    def publish(
        self,
        below: str,
        payload: bytes,
        *,
        retain: bool = True,
        content_type: str = "",
        properties: Mapping[str, str] | None = None,
    ) -> None:
        """Leave a message; returns when the broker has it (PUBACK)."""
        topic = f"{self.root}/{below}"
        extra = packets.publish_properties(None, content_type=content_type, user=properties)
        sent = self._client.publish(topic, payload, qos=1, retain=retain, properties=extra)
        reason = self._wait(lambda: self._acknowledged.pop(sent.mid, None), "PUBACK")
        if reason.is_failure:
            raise CliError(f"the broker at {self._where} refuses {topic}: {reason}")

    def collect(self, below: str, *, single: bool) -> dict[str, bytes]:
        """The retained payloads of a filter, by topic."""
        return {topic: message.payload for topic, message in self.messages(below, single=single).items()}

    def messages(self, below: str, *, single: bool) -> dict[str, Message]:
        """The retained messages of a filter, by topic. MQTT says nowhere that they are all there: silence has to."""
        self._retained.clear()
        self._read_bytes = 0
        filter_ = f"{self.root}/{below}"
        asked_s = time.monotonic()
        _, mid = self._client.subscribe(filter_, qos=1)
        reasons = self._wait(lambda: self._granted.pop(mid or 0, None), "SUBACK")
        if any(reason.is_failure for reason in reasons):
            raise CliError(f"the broker at {self._where} refuses to show {filter_}: {reasons[0]}")
        self._last_message_s = time.monotonic()
        quiet_s = max(QUIET_S, 3 * (self._last_message_s - asked_s))
        while not (single and self._retained) and time.monotonic() - self._last_message_s < quiet_s:
            self._turn()
        self._client.unsubscribe(filter_)
        return {topic: message for topic, message in self._retained.items() if message.payload}

    def listen(self, below: str) -> None:
        """Have messages of a topic come; returns when the broker says that they will."""
        topic = f"{self.root}/{below}"
        _, mid = self._client.subscribe(topic, qos=1)
        reasons = self._wait(lambda: self._granted.pop(mid or 0, None), "SUBACK")
        if any(reason.is_failure for reason in reasons):
            raise CliError(f"the broker at {self._where} refuses to show {topic}: {reasons[0]}")

    def heard(self, *, within_s: float) -> bytes | None:
        """Return the newest message that came; None where none comes in time."""
        end_s = time.monotonic() + within_s
        while not self._retained and time.monotonic() < end_s:
            self._turn()
        return self._retained.popitem()[1].payload if self._retained else None

    def close(self) -> None:
        """Say goodbye."""
        self._client.disconnect()

    def _wait(self, look: Callable[[], T | None], packet: str) -> T:
        end_s = time.monotonic() + self._timeout_s
        while (found := look()) is None:
            if time.monotonic() > end_s:
                raise CliError(f"the broker at {self._where} sent no {packet} within {self._timeout_s:g} s")
            self._turn()
        return found

    def _turn(self) -> None:
        """Let paho send and receive for a moment."""
        code = self._client.loop(0.05)
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS and (self._connected is None or not self._connected.is_failure):
            raise CliError(f"the connection to the broker at {self._where} broke: {code.name}")

    def _on_connect(self, _client: Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any) -> None:
        self._connected = reason

    def _on_publish(self, _client: Client, _data: Any, mid: int, reason: ReasonCode, _properties: Any) -> None:
        self._acknowledged[mid] = reason

    def _on_subscribe(self, _client: Client, _data: Any, mid: int, reasons: list[ReasonCode], _properties: Any) -> None:
        self._granted[mid] = reasons

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self._last_message_s = time.monotonic()
        self._read_bytes += len(message.payload)
        if self._read_bytes > MAXIMUM_READ_BYTES:
            raise CliError(f"the broker holds more than {MAXIMUM_READ_BYTES} bytes of that: name one object")
        self._retained[message.topic] = packets.to_message(message, root="", connection=0)
