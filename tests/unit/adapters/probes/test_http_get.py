from __future__ import annotations

from dataclasses import replace

import pytest

from edgelet.adapters.probes import http_get
from edgelet.api.errors import ProbeError
from edgelet.ports.probe_net import HttpGet

ASKED = HttpGet(host="10.0.0.2", port=8080, path="/healthz")


class Recorder:
    """A server that answers once, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked = b""
        self._answers = [b"HTTP/1.1 204 No Content\r\n\r\n"]

    async def send(self, data: bytes) -> None:
        self.asked += data

    async def receive(self) -> bytes:
        return self._answers.pop() if self._answers else b""


async def test_headers_are_sent_in_utf_8() -> None:
    line = Recorder()
    await http_get._asked(replace(ASKED, headers=(("X-Name", "Bär"),)), line)
    assert b"X-Name: B\xc3\xa4r\r\n" in line.asked


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/bü?ü", "/b%FC?%FC"),
        ("/a b", "/a%20b"),
        ("/a%20b?c=d", "/a%20b?c=d"),
        ("x#y", "/x"),
    ],
)
async def test_a_redirect_is_asked_for_as_a_target_may_be(location: str, path: str) -> None:
    target = http_get._target(ASKED, location)
    assert target.path == path
    line = Recorder()
    await http_get._asked(target, line)
    assert line.asked.startswith(f"GET {path} HTTP/1.1\r\n".encode())


@pytest.mark.parametrize("location", ["http://[", "http://[::1", "http://10.0.0.2:port/", "//10.0.0.2:99999"])
def test_a_redirect_that_leads_nowhere_is_no_answer(location: str) -> None:
    with pytest.raises(ProbeError, match="failed to parse Location header"):
        http_get._target(ASKED, location)
