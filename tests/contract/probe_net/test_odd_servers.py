"""Servers as they are found in the field, which the fake does not play."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived

from edgelet.api.errors import ProbeError
from edgelet.ports.probe_net import HttpGet, HttpReply
from tests.contract.probe_net.servers import RealServers
from tests.fakes.probe_net import Page

PATIENCE_S = 10.0


async def ask(servers: RealServers, answer: bytes) -> HttpReply:
    host, port = await servers.raw(answer)
    return await servers.net.get(HttpGet(host=host, port=port), timeout_s=PATIENCE_S)


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.0 200 OK\r\n\r\nold", 200, b"old"),
        (b"HTTP/1.1 200 OK\r\n\r\n", 200, b""),
        (b"HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", 200, b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 200, b"abc"),
    ],
)
async def test_an_odd_answer_is_understood(real_servers: RealServers, answer: bytes, status: int, body: bytes) -> None:
    assert await ask(real_servers, answer) == HttpReply(status, body)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "EOF"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "malformed HTTP response"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", "malformed HTTP response"),
        (b"\x00\xff\x80", "malformed HTTP response"),
    ],
)
async def test_what_is_no_http_is_an_error(real_servers: RealServers, answer: bytes, words: str) -> None:
    with pytest.raises(ProbeError, match=words):
        await ask(real_servers, answer)


async def test_a_reset_is_told_in_gos_words(real_servers: RealServers) -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        writer.transport.abort()

    host, port = await real_servers.listen(reset)
    with pytest.raises(ProbeError, match=r"read: connection reset by peer|EOF"):
        await real_servers.net.get(HttpGet(host=host, port=port), timeout_s=PATIENCE_S)


async def test_a_name_that_is_none_is_an_error(real_servers: RealServers) -> None:
    with pytest.raises(ProbeError, match=r"dial tcp: lookup nowhere.invalid: no such host"):
        await real_servers.net.connect("nowhere.invalid", 80, timeout_s=PATIENCE_S)


async def test_tls_that_is_none_is_an_error_of_its_own(real_servers: RealServers) -> None:
    host, port = await real_servers.raw(b"\x00\x01\x02 something else")
    with pytest.raises(ProbeError, match="tls: ") as caught:
        await real_servers.net.get(HttpGet(host=host, port=port, scheme="https"), timeout_s=PATIENCE_S)
    assert not caught.value.plain_http


async def test_grpc_of_a_server_without_health_is_unimplemented(real_servers: RealServers) -> None:
    async def grpc(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        h2 = H2Connection(H2Configuration(client_side=False))
        h2.initiate_connection()
        while data := await reader.read(65_536):
            for event in h2.receive_data(data):
                if isinstance(event, RequestReceived):
                    h2.send_headers(event.stream_id or 0, [(":status", "404")], end_stream=True)
            writer.write(h2.data_to_send())
            await writer.drain()

    host, port = await real_servers.listen(grpc)
    reply = await real_servers.net.check_health(host, port, "", user_agent="test", timeout_s=PATIENCE_S)
    assert reply.code == 12


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00" * 100, b""])
async def test_grpc_of_what_is_no_http2_is_an_error(real_servers: RealServers, answer: bytes) -> None:
    host, port = await real_servers.raw(answer)
    with pytest.raises(ProbeError):
        await real_servers.net.check_health(host, port, "", user_agent="test", timeout_s=PATIENCE_S)


async def test_nothing_stays_open(real_servers: RealServers) -> None:
    async def open_files() -> int:
        gc.collect()
        await asyncio.sleep(0.1)
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  a count

    host, port = await real_servers.http(Page(body=b"x" * 100_000))
    silent = await real_servers.silent()
    before = await open_files()
    for _ in range(20):
        await real_servers.net.get(HttpGet(host=host, port=port), timeout_s=PATIENCE_S)
        await real_servers.net.connect(host, port, timeout_s=PATIENCE_S)
        with pytest.raises(ProbeError):
            await real_servers.net.get(HttpGet(host=silent[0], port=silent[1]), timeout_s=0.01)
    assert await open_files() <= before + 1


_TLS_ON_FIRST_USE = """
import sys
from edgelet.agent import deferred_modules
deferred_modules.install(tls=False)
import asyncio
from edgelet.adapters.probes.net import StreamProbeNet
from edgelet.ports.probe_net import HttpGet
def loaded():
    return "SSLContext" in vars(sys.modules["ssl"]), "h2" in sys.modules
before = loaded()
request = HttpGet(host=sys.argv[1], port=int(sys.argv[2]), scheme="https")
reply = asyncio.run(StreamProbeNet().get(request, timeout_s=10))
print(before, reply.status, loaded())
"""


async def test_tls_and_http2_are_loaded_by_the_first_that_needs_them(real_servers: RealServers) -> None:
    host, port = await real_servers.http(Page(status=202), tls=True)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _TLS_ON_FIRST_USE, host, str(port), stdout=subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert out.decode().strip() == "(False, False) 202 (True, False)"
