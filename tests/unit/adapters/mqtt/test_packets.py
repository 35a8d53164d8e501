from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edgelet.adapters.mqtt import packets


@given(
    st.text(alphabet="ab/ü", min_size=1, max_size=40),
    st.integers(0, 20_000),
    st.one_of(st.none(), st.integers(0, 2**32 - 1)),
)
def test_the_size_is_what_paho_really_sends(topic: str, length: int, expiry_s: int | None) -> None:
    client = Client(CallbackAPIVersion.VERSION2, "x", protocol=MQTTProtocolVersion.MQTTv5)
    sent: list[bytes] = []

    def queue(_command: int, packet: bytes, *_: Any, **__: Any) -> int:
        sent.append(bytes(packet))
        return 0

    client._sock = object()  # type: ignore[assignment]  # paho sends nothing while it has no socket
    client._packet_queue = queue  # type: ignore[assignment,method-assign]
    properties = packets.publish_properties(expiry_s)
    client.publish(topic, b"x" * length, qos=1, properties=properties)
    client._sock = None
    assert packets.publish_size(topic, b"x" * length, properties) == len(sent[0])


def test_a_message_without_properties_has_empty_ones() -> None:
    message = MQTTMessage(mid=7, topic=b"edgelet/v1/default/pi/desired/pods/default/web")
    message.payload, message.qos, message.retain = b"x", 1, True
    value = packets.to_message(message, root="edgelet/v1/default/pi/", connection=3)
    assert (value.topic, value.packet_id, value.connection) == ("desired/pods/default/web", 7, 3)
    assert (value.content_type, value.response_topic, value.correlation_data, dict(value.properties)) == (
        "",
        "",
        b"",
        {},
    )


def test_properties_are_handed_on() -> None:
    message = MQTTMessage(mid=7, topic=b"r/cmd/exec/1")
    properties: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.UserProperty = [("sig", "abc"), ("keyid", "k1")]
    properties.ContentType = "application/yaml"
    properties.ResponseTopic = "r/cmdstatus/exec/1"
    properties.CorrelationData = b"42"
    message.properties = properties
    value = packets.to_message(message, root="r/", connection=1)
    assert dict(value.properties) == {"sig": "abc", "keyid": "k1"}
    assert (value.content_type, value.response_topic, value.correlation_data) == (
        "application/yaml",
        "r/cmdstatus/exec/1",
        b"42",
    )


@pytest.mark.parametrize("topic", [b"other/desired/x", b"r/\xff\xfe"])
def test_what_is_not_ours_or_no_text_is_no_message(topic: bytes) -> None:
    with pytest.raises(ValueError, match=r"topic|decode"):
        packets.to_message(MQTTMessage(mid=1, topic=topic), root="r/", connection=1)


def test_limits_that_the_broker_does_not_name_are_the_protocols() -> None:
    limits = packets.server_limits(None, session_present=True)
    assert (limits.maximum_packet_bytes, limits.receive_maximum) == (268_435_460, 65_535)
