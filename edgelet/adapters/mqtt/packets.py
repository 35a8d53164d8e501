"""MQTT v5 properties and packet sizes: between paho's objects and plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from paho.mqtt.client import MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edgelet.ports.bus import Message

_NO_LIMIT_BYTES = 268_435_460  # what four length bytes can say, and the header
_SMALL_BYTES = 128


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What the broker told in its CONNACK."""

    session_present: bool
    maximum_packet_bytes: int
    receive_maximum: int


def connect_properties(*, session_expiry_s: int, receive_maximum: int, maximum_packet_bytes: int) -> Properties:
    """Return CONNECT's properties. No TopicAliasMaximum: paho hands aliased messages on with an empty topic."""
    properties = _properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = session_expiry_s
    properties.ReceiveMaximum = receive_maximum
    properties.MaximumPacketSize = maximum_packet_bytes
    return properties


def will_properties(delay_s: int) -> Properties:
    """Return the will's properties."""
    properties = _properties(PacketTypes.WILLMESSAGE)
    properties.WillDelayInterval = delay_s
    return properties


def publish_properties(
    expiry_s: int | None, *, content_type: str = "", user: Mapping[str, str] | None = None
) -> Properties:
    """Return PUBLISH's properties."""
    properties = _properties(PacketTypes.PUBLISH)
    if content_type:
        properties.ContentType = content_type
    if user:
        properties.UserProperty = list(user.items())
    if expiry_s is not None:
        properties.MessageExpiryInterval = expiry_s
    return properties


def server_limits(properties: Properties | None, *, session_present: bool) -> ServerLimits:
    """Read CONNACK's properties; an absent one is a missing attribute in paho."""
    return ServerLimits(
        session_present=session_present,
        maximum_packet_bytes=getattr(properties, "MaximumPacketSize", _NO_LIMIT_BYTES),
        receive_maximum=getattr(properties, "ReceiveMaximum", 65535),
    )


def publish_size(topic: str, payload: bytes, properties: Properties) -> int:
    """Return the size of the PUBLISH packet in bytes, header and packet id included."""
    packed: bytes = properties.pack()  # type: ignore[no-untyped-call]  # paho annotates half of itself
    body = 2 + len(topic.encode()) + 2 + len(packed) + len(payload)
    length_bytes = next(count for count in (1, 2, 3, 4) if body < _SMALL_BYTES**count or count == 4)  # noqa: PLR2004
    return 1 + length_bytes + body


def to_message(message: MQTTMessage, *, root: str, connection: int) -> Message:
    """Return the port's value of what paho delivered.

    Raises:
        ValueError: The topic is no UTF-8 or not below the root.
    """
    topic = message.topic  # decodes here
    if not topic.startswith(root):
        raise ValueError(f"topic {topic!r} is not below {root!r}")
    properties: Any = message.properties
    pairs = getattr(properties, "UserProperty", ())
    return Message(
        topic=topic.removeprefix(root),
        payload=bytes(message.payload),
        qos=message.qos,
        retained=message.retain,
        connection=connection,
        packet_id=message.mid,
        properties=dict(pairs),
        content_type=getattr(properties, "ContentType", ""),
        response_topic=getattr(properties, "ResponseTopic", ""),
        correlation_data=getattr(properties, "CorrelationData", b""),
    )


def _properties(packet_type: int) -> Properties:
    return Properties(packet_type)  # type: ignore[no-untyped-call]  # paho annotates half of itself
