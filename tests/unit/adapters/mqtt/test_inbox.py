from __future__ import annotations

import asyncio

from edgelet.adapters.mqtt.inbox import Inbox
from edgelet.ports.bus import BusEvent, Connected, Disconnected, Message


def message(size_bytes: int = 1) -> Message:
    return Message("desired/pods/default/web", b"x" * size_bytes, qos=1, retained=False, connection=1, packet_id=1)


class Drained:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


async def test_events_come_out_in_order() -> None:
    inbox = Inbox(max_messages=4, max_bytes=100, drained=Drained())
    waiting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    events: list[BusEvent] = [
        Connected(1, session_present=False, maximum_packet_bytes=1),
        message(),
        Disconnected(1, "x"),
    ]
    for event in events:
        inbox.put(event)
    assert [await waiting, await inbox.get(), await inbox.get()] == events


async def test_it_is_full_at_either_bound_and_says_when_half_of_both_is_free() -> None:
    for size_bytes, fits in ((1, 4), (50, 2)):
        drained = Drained()
        inbox = Inbox(max_messages=4, max_bytes=100, drained=drained)
        for _ in range(fits):
            assert not inbox.full
            inbox.put(message(size_bytes))
        assert inbox.full
        for _ in range(fits // 2):
            assert drained.times == 0
            await inbox.get()
        assert not inbox.full
        assert drained.times == 1


async def test_a_long_outage_is_one_event() -> None:
    inbox = Inbox(max_messages=4, max_bytes=100, drained=Drained())
    for number in range(100):
        inbox.put(Disconnected(number, "no answer"))
    assert await inbox.get() == Disconnected(99, "no answer")
    assert not inbox._events
