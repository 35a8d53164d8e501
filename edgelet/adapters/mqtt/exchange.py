"""One question and its answer over a connection of its own: how one asks who has no certificate that a broker takes."""

from __future__ import annotations

import asyncio

from paho.mqtt.client import MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edgelet.adapters.mqtt.endpoint import Endpoint
from edgelet.adapters.mqtt.link import Link
from edgelet.api.errors import BusError

_QUESTIONS, _ANSWERS = "csr", "cert"


async def ask(endpoint: Endpoint, payload: bytes, *, timeout_s: float) -> bytes:
    """Publish on ROOT/csr and return what comes on ROOT/cert.

    Args:
        endpoint: Its root is PREFIX/_bootstrap/CLIENT/ and CLIENT its client id.
        payload: The question.
        timeout_s: From the connection to the answer.

    Raises:
        BusError: No broker, refused, or RegistrarSilent: nobody answered in time.
    """
    answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def deliver(message: MQTTMessage) -> None:
        link.acknowledge(message.mid, message.qos)
        if not answer.done() and message.topic == endpoint.root + _ANSWERS:
            answer.set_result(bytes(message.payload))

    link = Link(endpoint, will=None, deliver=deliver)
    try:
        await link.open()
        await link.subscribe([endpoint.root + _ANSWERS])
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho annotates half of itself
        await link.publish(endpoint.root + _QUESTIONS, payload, qos=1, retain=False, properties=properties)
        async with asyncio.timeout(timeout_s):
            return await answer
    except TimeoutError as error:
        why = f"no registrar answered at {endpoint.address} within {timeout_s:g} s"
        raise BusError("RegistrarSilent", f"cannot ask for a certificate: {why}") from error
    finally:
        await link.close()
