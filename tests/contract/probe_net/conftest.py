"""Fixtures of the ProbeNet contract: `servers` in memory and on sockets, `real_servers` alone."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator

import pytest

from edgelet.adapters.probes.net import StreamProbeNet
from tests.contract.probe_net.servers import RealServers, Servers, ServersInMemory
from tests.fixtures.certificates import Authority


@pytest.fixture(scope="session")
def server_tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A certificate that nobody trusts."""
    pair = Authority(tmp_path_factory.mktemp("certificates")).server()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    return context


@pytest.fixture
async def real_servers(server_tls: ssl.SSLContext) -> AsyncIterator[RealServers]:
    made = RealServers(StreamProbeNet(), server_tls)
    yield made
    await made.close()


@pytest.fixture(params=["fake", "sockets"])
async def servers(request: pytest.FixtureRequest, server_tls: ssl.SSLContext) -> AsyncIterator[Servers]:
    if request.param == "fake":
        yield ServersInMemory()
        return
    made = RealServers(StreamProbeNet(), server_tls)
    yield made
    await made.close()
