"""What a container answers to an HTTP probe: a reply, or the probe failed."""

from __future__ import annotations

from edgelet.adapters.probes import http_get
from edgelet.api.errors import ProbeError
from edgelet.ports.probe_net import BODY_LIMIT_BYTES, HttpGet
from tests.fuzz.channel import SilentChannel
from tests.fuzz.stepping import settled

_ASKED = HttpGet(
    host="10.0.0.2", port=8080, path="/healthz", scheme="http", headers=(("Accept", "*/*"),), host_header=""
)


def try_input(data: bytes) -> None:
    """The answer comes whole and in small pieces; a redirect is followed once, to the same answer."""
    for piece_bytes in (16_384, 7):
        try:
            answer = settled(http_get._asked(_ASKED, SilentChannel(data, piece_bytes=piece_bytes)))
            assert len(answer.reply.body) <= BODY_LIMIT_BYTES
            if answer.location:
                target = http_get._target(_ASKED, answer.location)
                http_get.url(target)
                if target.scheme == "http":
                    settled(http_get._asked(target, SilentChannel(data)))
        except ProbeError as error:
            assert error.message
