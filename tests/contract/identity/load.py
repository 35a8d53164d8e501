"""A controller that wants a hundred things a second."""

from __future__ import annotations

import asyncio

from edgelet.adapters.mqtt import address
from edgelet.adapters.mqtt.bus import MqttBus
from edgelet.adapters.mqtt.endpoint import Endpoint
from edgelet.adapters.mqtt.tls_files import TlsFiles
from tests.contract.bus.conftest import RealClock
from tests.fixtures.field import FieldAuthority, FieldBroker

PER_SECOND = 100


async def publish_at_a_rate(
    broker: FieldBroker, authority: FieldAuthority, *, node: str, seconds: int, done: asyncio.Event
) -> int:
    """Publish desired updates as a controller; returns how many the broker has acknowledged."""
    pair = authority.client("default/_ctl", name="controller")
    files = TlsFiles(str(authority.certificate), str(pair.certificate), str(pair.key))
    endpoint = Endpoint(address=address.parse(broker.url), client_id="ctl", root=f"edgelet/v1/{node}/", files=files)
    bus = MqttBus(endpoint, clock=RealClock(), chance=lambda: 0.01, subscriptions=("nothing",))
    running = asyncio.create_task(bus.run())
    while not bus.connected:
        await asyncio.sleep(0.01)
    loop = asyncio.get_running_loop()
    started_s, count = loop.time(), 0
    while not done.is_set() or count < seconds * PER_SECOND:
        await bus.publish(f"desired/configmaps/default/c{count % 20}", str(count).encode(), retain=True)
        count += 1
        await asyncio.sleep(max(0.0, started_s + count / PER_SECOND - loop.time()))
    await bus.close()
    await running
    return count
