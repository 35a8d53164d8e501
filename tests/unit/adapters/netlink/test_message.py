from __future__ import annotations

import errno
import struct

from hypothesis import given
from hypothesis import strategies as st

from edgelet.adapters.netlink import message

numbers = st.integers(0, 2**32 - 1)


@given(kind=st.integers(0, 2**16 - 1), sequence=numbers, payloads=st.lists(st.binary(max_size=40), max_size=4))
def test_messages_come_back_as_they_were_packed(kind: int, sequence: int, payloads: list[bytes]) -> None:
    padded = [payload + bytes(-len(payload) % 4) for payload in payloads]
    data = b"".join(message.pack(kind, 7, sequence, payload) for payload in padded)
    assert [(one.type, one.flags, one.sequence, one.payload) for one in message.unpack(data)] == [
        (kind, 7, sequence, payload) for payload in padded
    ]


@given(st.dictionaries(st.integers(0, 0x3FFF), st.binary(max_size=40), max_size=6))
def test_attributes_come_back_whatever_their_length(wanted: dict[int, bytes]) -> None:
    data = b"".join(message.attribute(kind, value) for kind, value in wanted.items())
    assert len(data) % 4 == 0
    assert message.attributes(data) == wanted


@given(st.binary(max_size=200))
def test_rubbish_never_raises_nor_hangs(data: bytes) -> None:
    for each in message.unpack(data):
        message.refusal(each)
    message.attributes(data)
    message.as_text(data)
    message.as_number(data)


def test_a_nested_attribute_is_marked_and_read() -> None:
    data = message.nested(18, message.text(1, "bridge"), message.number(2, 9))
    assert struct.unpack_from("=HH", data)[1] == 18 | 0x8000
    inner = message.attributes(message.attributes(data)[18])
    assert (message.as_text(inner[1]), message.as_number(inner[2])) == ("bridge", 9)


def test_the_kernels_words_are_found_with_and_without_the_request() -> None:
    words = message.text(1, "no such bridge")
    request = message.pack(16, 5, 1, b"abcdefg")
    code = struct.pack("=i", -errno.ENODEV)
    capped = message.Message(message.ERROR, 0x300, 1, code + request[:16] + words)
    whole = message.Message(message.ERROR, 0x200, 1, code + request + bytes(-len(request) % 4) + words)
    plain = message.Message(message.ERROR, 0, 1, code + request)
    assert message.refusal(capped) == message.Refusal(errno.ENODEV, "no such bridge")
    assert message.refusal(whole) == message.Refusal(errno.ENODEV, "no such bridge")
    assert message.refusal(plain) == message.Refusal(errno.ENODEV)


def test_consent_is_no_refusal() -> None:
    assert message.refusal(message.Message(message.ERROR, 0, 1, bytes(20))).number == 0
    assert message.refusal(message.Message(message.DONE, 0, 1, b"")).number == 0
