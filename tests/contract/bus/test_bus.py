"""What every Bus does: the fake one, mosquitto on TCP, mosquitto with client certificates."""

from __future__ import annotations

import asyncio

import pytest

from edgelet.api.errors import BusError
from edgelet.ports.bus import Connected, Disconnected, Message, Synced
from tests.contract.bus.conftest import Reader, World


def messages(reader: Reader) -> list[Message]:
    return [event for event in reader.events if isinstance(event, Message)]


async def test_a_retained_object_comes_after_connected_and_before_synced(world: World, reader: Reader) -> None:
    await world.send("desired/pods/default/web", b"one")
    await world.connect()
    await reader.until(Synced)
    kinds = [type(event) for event in reader.events]
    assert kinds == [Connected, Message, Synced]
    message = messages(reader)[0]
    assert (message.topic, message.payload, message.qos) == ("desired/pods/default/web", b"one", 1)
    assert message.retained
    assert message.connection == 1


async def test_the_barrier_comes_after_more_retained_objects_than_may_be_in_flight(
    world: World, reader: Reader
) -> None:
    for number in range(50):
        await world.send(f"desired/pods/default/web-{number}", b"x")
    await world.connect()
    async with asyncio.timeout(10):
        acknowledged = 0
        while not reader.of(Synced):
            for message in messages(reader)[acknowledged:]:
                world.bus.acknowledge(message)
                acknowledged += 1
            await asyncio.sleep(0.001)
    assert len({message.topic for message in messages(reader)}) == 50
    assert isinstance(reader.events[-1], Synced)


async def test_an_acknowledged_message_does_not_come_again_and_another_one_does(world: World, reader: Reader) -> None:
    await world.connect()
    await reader.until(Synced)
    await world.send("cmd/restart/1", b"safe", retain=False)
    await world.send("cmd/restart/2", b"not safe", retain=False)
    await reader.until(Message, 2)
    safe, _ = messages(reader)
    world.bus.acknowledge(safe)
    await asyncio.sleep(0.05)
    await world.drop()
    await reader.until(Disconnected)
    await world.connect()
    await reader.until(Synced, 2)
    again = [message.payload for message in messages(reader) if message.connection > 1]
    assert again == [b"not safe"]


async def test_an_acknowledgement_for_an_older_connection_does_nothing(world: World, reader: Reader) -> None:
    await world.connect()
    await reader.until(Synced)
    await world.send("cmd/restart/1", b"x", retain=False)
    await reader.until(Message)
    old = messages(reader)[0]
    await world.drop()
    await reader.until(Disconnected)
    await world.connect()
    await reader.until(Synced, 2)
    world.bus.acknowledge(old)
    await world.drop()
    await reader.until(Disconnected, 2)
    await world.connect()
    await reader.until(Synced, 3)
    assert len(messages(reader)) == 3


async def test_what_is_published_is_there(world: World, reader: Reader) -> None:
    await world.connect()
    await reader.until(Synced)
    await world.bus.publish("status/pods/default/web", b"running", retain=True)
    assert await world.retained("status/pods/default/web") == b"running"
    await world.bus.publish("status/pods/default/web", b"", retain=True)
    assert await world.retained("status/pods/default/web") is None


async def test_what_the_broker_retains_can_be_asked_for(world: World, reader: Reader) -> None:
    await world.connect()
    await reader.until(Synced)
    names = {f"status/pods/default/web-{number}" for number in range(60)}
    for name in names:
        await world.bus.publish(name, b"running", retain=True)
    await world.bus.publish("events/default/one", b"x", retain=True)
    await world.send("desired/pods/default/web", b"one")
    await reader.until(Message)
    assert await world.bus.retained_topics("status/") - {"status/online"} == names
    await world.bus.publish("status/pods/default/web-0", b"", retain=True)
    assert await world.bus.retained_topics("status/") - {"status/online"} == names - {"status/pods/default/web-0"}
    await world.bus.publish("status/pods/default/web-1", b"stopped", retain=True)
    await asyncio.sleep(0.05)
    assert [message.topic for message in messages(reader)] == ["desired/pods/default/web"], "answers are no messages"


async def test_a_question_without_a_connection_fails_at_once(world: World) -> None:
    with pytest.raises(BusError) as caught:
        await world.bus.retained_topics("status/")
    assert caught.value.reason == "BrokerUnavailable"


async def test_publishing_without_a_connection_fails_at_once(world: World) -> None:
    with pytest.raises(BusError) as caught:
        await world.bus.publish("status/node", b"x")
    assert caught.value.reason == "BrokerUnavailable"
    assert not world.bus.connected


async def test_a_packet_larger_than_the_broker_takes_is_refused_and_blocks_nothing(
    world: World, reader: Reader
) -> None:
    await world.connect()
    await reader.until(Synced)
    with pytest.raises(BusError) as caught:
        await world.bus.publish("status/node", b"x" * 300_000, retain=True)
    assert caught.value.reason == "PacketTooLarge"
    await world.bus.publish("status/node", b"small", retain=True)
    assert world.bus.connected
    assert not reader.of(Disconnected)


async def test_each_connection_has_a_higher_number(world: World, reader: Reader) -> None:
    await world.connect()
    await reader.until(Connected)
    await world.drop()
    await reader.until(Disconnected)
    await world.connect()
    await reader.until(Connected, 2)
    numbers = [event.connection for event in reader.events if isinstance(event, Connected)]
    assert numbers[0] < numbers[1]
