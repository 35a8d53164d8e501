from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.remote import exec_frames
from edgelet.remote.exec_frames import V4, V5, EndOfInput, Frame, Ignored, Input, Resize


@pytest.mark.parametrize(
    ("message", "subprotocol", "frame"),
    [
        (b"\x00ls\n", V5, Input(b"ls\n")),
        (b"\x00", V5, Ignored()),
        (b"\xff\x00", V5, EndOfInput()),
        (b"\xff\x00", V4, Ignored()),
        (b"\xff\x01", V5, Ignored()),
        (b'\x04{"Width":80,"Height":24}', V4, Resize(columns=80, rows=24)),
        (b'\x04{"Width":0,"Height":24}', V4, Ignored()),
        (b'\x04{"Width":1e999,"Height":24}', V4, Ignored()),
        (b'\x04{"Width":Infinity,"Height":24}', V4, Ignored()),
        (b"\x04[]", V4, Ignored()),
        (b"\x01forged", V5, Ignored()),
        (b"", V5, Ignored()),
    ],
)
def test_messages_of_the_client(message: bytes, subprotocol: str, frame: Frame) -> None:
    assert exec_frames.decode(message, subprotocol=subprotocol) == frame


@given(st.binary(max_size=50), st.sampled_from([V4, V5]))
def test_any_message_is_a_frame(message: bytes, subprotocol: str) -> None:
    exec_frames.decode(message, subprotocol=subprotocol)


def test_the_exit_code_travels_as_a_cause() -> None:
    success, failure = exec_frames.ended(0), exec_frames.ended(7)
    assert success[0] == failure[0] == 3
    assert json.loads(success[1:])["status"] == "Success"
    status = json.loads(failure[1:])
    assert (status["status"], status["reason"]) == ("Failure", "NonZeroExitCode")
    assert status["details"]["causes"] == [{"reason": "ExitCode", "message": "7"}]
