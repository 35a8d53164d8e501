from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.remote import port_frames
from edgelet.remote.port_frames import V4, V5, Data, EndOfData, Frame, Ignored


@pytest.mark.parametrize(
    ("message", "subprotocol", "frame"),
    [
        (b"\x00abc", V4, Data(0, b"abc")),
        (b"\x04abc", V5, Data(2, b"abc")),
        (b"\x01abc", V4, Ignored()),
        (b"\x00", V4, Ignored()),
        (b"", V4, Ignored()),
        (b"\xff\x02", V5, EndOfData(1)),
        (b"\xff\x03", V5, Ignored()),
        (b"\xff", V5, Ignored()),
        (b"\xff\x02", V4, Ignored()),
    ],
)
def test_a_message_means_one_thing(message: bytes, subprotocol: str, frame: Frame) -> None:
    assert port_frames.decode(message, subprotocol=subprotocol) == frame


@given(st.binary(max_size=20), st.sampled_from([V4, V5]))
def test_any_message_means_something(message: bytes, subprotocol: str) -> None:
    assert isinstance(port_frames.decode(message, subprotocol=subprotocol), Data | EndOfData | Ignored)


@given(st.integers(min_value=0, max_value=15), st.binary(min_size=1, max_size=20))
def test_what_is_said_is_what_is_read(number: int, data: bytes) -> None:
    assert port_frames.decode(port_frames.data(number, data), subprotocol=V5) == Data(number, data)
    assert port_frames.decode(port_frames.end(number), subprotocol=V5) == EndOfData(number)


def test_both_channels_begin_with_their_port() -> None:
    assert port_frames.opening(1, 8080) == (b"\x02\x90\x1f", b"\x03\x90\x1f")
