from __future__ import annotations

import pytest

from edgelet.intake.mailbox import Mailbox
from edgelet.ports.bus import Message


def message(number: int, size_bytes: int = 10) -> Message:
    payload = bytes([number]) * size_bytes
    return Message("desired/pods/default/web", payload, qos=1, retained=False, connection=1, packet_id=number)


def test_the_newest_is_kept_whole_and_the_others_as_tokens() -> None:
    box = Mailbox()
    for number in (1, 2, 3):
        box.put(message(number))
    assert (box.count, box.size_bytes) == (3, 10)
    taken = box.take()
    assert taken.packet_id == 3
    assert box.empty
    assert box.size_bytes == 10
    assert [token.packet_id for token in box.settle(3)] == [1, 2, 3]
    assert (box.count, box.size_bytes) == (0, 0)


def test_what_came_while_one_was_dealt_with_is_settled_with_the_next() -> None:
    box = Mailbox()
    box.put(message(1))
    box.take()
    box.put(message(2))
    assert [token.packet_id for token in box.settle(1)] == [1]
    assert box.take().packet_id == 2
    assert [token.packet_id for token in box.settle(1)] == [2]


def test_putting_back_gives_way_to_a_newer_one() -> None:
    box = Mailbox()
    box.put(message(1))
    old = box.take()
    box.put_back(old)
    assert box.take() is old
    box.put(message(2))
    box.put_back(old)
    assert box.take().packet_id == 2


def test_an_empty_mailbox_gives_nothing() -> None:
    with pytest.raises(LookupError):
        Mailbox().take()
