"""paho's client object as an endpoint wants it, and its CONNECT."""

from __future__ import annotations

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edgelet.adapters.mqtt import packets
from edgelet.adapters.mqtt.bounded_client import BoundedClient
from edgelet.adapters.mqtt.endpoint import Endpoint
from edgelet.ports.bus import Will


def make(endpoint: Endpoint, *, will: Will | None) -> BoundedClient:
    """Make a client that is not connected, and that never connects again by itself."""
    client = BoundedClient(
        CallbackAPIVersion.VERSION2,
        endpoint.client_id,
        maximum_packet_bytes=endpoint.maximum_packet_bytes,
        protocol=MQTTProtocolVersion.MQTTv5,
        transport=endpoint.address.transport,
        manual_ack=True,
        reconnect_on_failure=False,
    )
    client.max_inflight_messages = 0  # bounded by whoever publishes
    client.connect_timeout = endpoint.connect_timeout_s
    if will is not None:
        properties = packets.will_properties(will.delay_s)
        client.will_set(endpoint.root + will.topic, will.payload, qos=1, retain=True, properties=properties)
    return client


def connect(client: Client, endpoint: Endpoint) -> None:
    """Open the socket, shake hands and send CONNECT; blocks.

    Raises:
        BusError: A file of the endpoint cannot be used, or the broker's certificate was revoked.
        OSError, ValueError: As paho has them.
    """
    endpoint.check()
    if endpoint.username:
        client.username_pw_set(endpoint.username, endpoint.password())
    if endpoint.address.tls:
        client.tls_set_context(endpoint.tls_context())
    client.connect(
        endpoint.address.host,
        endpoint.address.port or 1,  # paho wants one for a unix socket too
        keepalive=endpoint.keepalive_s,
        clean_start=False,
        properties=packets.connect_properties(
            session_expiry_s=endpoint.session_expiry_s,
            receive_maximum=endpoint.receive_maximum,
            maximum_packet_bytes=endpoint.maximum_packet_bytes,
        ),
    )
