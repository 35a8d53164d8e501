from __future__ import annotations

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from hypothesis import given
from hypothesis import strategies as st

from edgelet.adapters.probes import grpc_health
from edgelet.api.errors import ProbeError
from edgelet.ports.probe_net import HealthReply
from tests.fuzz.channel import SilentChannel


@pytest.mark.parametrize(
    ("service", "message"),
    [("", b""), ("db", b"\x0a\x02db"), ("ä", b"\x0a\x02\xc3\xa4"), ("x" * 300, b"\x0a\xac\x02" + b"x" * 300)],
)
def test_a_request_is_field_one_as_a_string(service: str, message: bytes) -> None:
    assert grpc_health.request_message(service) == message


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (b"", 0),
        (b"\x08\x01", 1),
        (b"\x08\x02", 2),
        (b"\x08\x81\x01", 129),
        (b"\x12\x03abc\x08\x01", 1),
        (b"\x19" + bytes(8) + b"\x25" + bytes(4) + b"\x08\x01", 1),
        (b"\x10\x07\x08\x03", 3),
    ],
)
def test_a_reply_is_read_past_fields_that_nobody_knows(message: bytes, status: int) -> None:
    assert grpc_health.reply_status(message) == status


@given(st.binary(max_size=40))
def test_whatever_comes_is_read_or_refused(message: bytes) -> None:
    try:
        assert grpc_health.reply_status(message) >= 0
    except ProbeError as refused:
        assert "no protobuf message" in refused.message  # noqa: PT017  either is right


async def test_a_status_that_is_no_number_of_grpc_is_unknown() -> None:
    asked, server = H2Connection(), H2Connection(H2Configuration(client_side=False))
    asked.initiate_connection()
    asked.send_headers(
        1, [(":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "x")], end_stream=True
    )
    server.initiate_connection()
    server.receive_data(asked.data_to_send())
    server.send_headers(1, [(":status", "200"), ("grpc-status", "9" * 5000)], end_stream=True)

    line = SilentChannel(server.data_to_send())

    assert await grpc_health._asked(line, "10.0.0.2:50051", "", user_agent="a") == HealthReply(2)
