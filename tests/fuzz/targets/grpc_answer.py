"""What a container answers to a gRPC probe: frames of HTTP/2 that make a reply, or the probe failed."""

from __future__ import annotations

from edgelet.adapters.probes import grpc_health
from edgelet.api.errors import ProbeError
from tests.fuzz.channel import SilentChannel
from tests.fuzz.stepping import settled


def try_input(data: bytes) -> None:
    """The answer comes whole and in small pieces; its bytes are tried as a message of protobuf as well."""
    for piece_bytes in (16_384, 5):
        try:
            line = SilentChannel(data, piece_bytes=piece_bytes)
            settled(grpc_health._asked(line, "10.0.0.2:50051", "svc", user_agent="fuzz"))
        except ProbeError as error:
            assert error.message
    try:
        assert grpc_health.reply_status(data) >= 0
    except ProbeError as error:
        assert error.message
