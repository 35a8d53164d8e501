"""The API by TCP: nothing listens unless it is asked for, and then nobody comes in without a certificate and a name."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from edgelet.adapters.local_api.server import LocalApiServer
from edgelet.adapters.local_api.tcp_door import TcpDoor, TcpFiles
from edgelet.api.errors import EdgeletError
from edgelet.ports.local_api import Request, Response
from tests.fixtures.certificates import Authority, Pair

ALLOWED = "acme/_control"


async def answer(request: Request) -> Response:
    return Response(200, str(request.peer).encode())


@asynccontextmanager
async def serving(directory: Path, files: TcpFiles, *clients: str) -> AsyncIterator[int]:
    """Serve on a free port of this machine; its number."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    door = TcpDoor("127.0.0.1", port, files=files, clients=frozenset(clients))
    server = LocalApiServer(answer, path=directory / "api.sock", group="", tcp=door)
    server.open()
    task = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(10):
            while not server.tcp_port:
                await asyncio.sleep(0.01)
        yield port
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


def files_of(authority: Authority, server: Pair, crl: Path | None = None) -> TcpFiles:
    return TcpFiles(certificate=server.certificate, key=server.key, client_ca=authority.certificate, crl=crl)


def trusting(authority: Authority, client: Pair | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.certificate)
    if client is not None:
        context.load_cert_chain(client.certificate, client.key)
    return context


async def ask(port: int, context: ssl.SSLContext | None) -> bytes:
    """Ask once; all that comes, b"" where nothing does."""
    async with asyncio.timeout(15):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
            writer.write(b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            said = await reader.read()
        except (ssl.SSLError, ConnectionError):
            return b""
        writer.close()
        return said


async def test_a_client_is_known_by_the_name_of_its_certificate(directory: Path, authority: Authority) -> None:
    server, client, other = authority.server(), authority.client(ALLOWED), authority.client("acme/pi-01")
    async with serving(directory, files_of(authority, server), ALLOWED) as port:
        said = await ask(port, trusting(authority, client))
        assert said.startswith(b"HTTP/1.1 200")
        assert said.endswith(f"name={ALLOWED}".encode())
        refused = await ask(port, trusting(authority, other))
        assert refused.startswith(b"HTTP/1.1 403")
        assert b'\\"acme/pi-01\\" may not use this API' in refused


async def test_who_has_no_good_certificate_is_not_answered(
    directory: Path, authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path / "other").client(ALLOWED)
    expired = authority.client(ALLOWED, days=-1, started_days_ago=3)
    async with serving(directory, files_of(authority, authority.server()), ALLOWED) as port:
        for client in (None, stranger, expired):
            assert await ask(port, trusting(authority, client)) == b""
        assert await ask(port, None) == b""  # plain HTTP
        old = trusting(authority, None)
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        assert await ask(port, old) == b""


async def test_a_revoked_certificate_is_not_answered_and_one_that_is_revoked_later_neither(
    directory: Path, authority: Authority, tmp_path: Path
) -> None:
    client = authority.client(ALLOWED)
    crl = revoked(authority, tmp_path / "crl.pem")
    async with serving(directory, files_of(authority, authority.server(), crl), ALLOWED) as port:
        assert await ask(port, trusting(authority, client))
        revoked(authority, crl, client)
        assert await ask(port, trusting(authority, client)) == b""
        crl.write_text("broken")  # what was read before still counts
        assert await ask(port, trusting(authority, client)) == b""


async def test_renewed_files_are_taken_up_without_a_restart(directory: Path, authority: Authority) -> None:
    server, client = authority.server(), authority.client(ALLOWED)

    async def seen(port: int) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting(authority, client))
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        del reader
        return x509.load_der_x509_certificate(der).serial_number

    async with serving(directory, files_of(authority, server), ALLOWED) as port:
        before = await seen(port)
        fresh = authority.server("fresh")
        for new, old in ((fresh.certificate, server.certificate), (fresh.key, server.key)):
            new.replace(old)
        assert await seen(port) != before
        assert (await ask(port, trusting(authority, client))).startswith(b"HTTP/1.1 200")


async def test_without_a_door_there_is_no_tcp(directory: Path) -> None:
    server = LocalApiServer(answer, path=directory / "api.sock", group="")
    server.open()
    task = asyncio.create_task(server.serve())
    reader, writer = await asyncio.open_unix_connection(directory / "api.sock")
    writer.write(b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert await reader.read()  # it serves
    writer.close()
    own = set()
    for name in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            own.add(str(name.readlink()))
    assert any(one.startswith("socket:") for one in own)
    assert not [inode for inode in listening() if f"socket:[{inode}]" in own]
    task.cancel()
    await asyncio.wait([task])


def listening() -> list[str]:
    """Inodes of all TCP sockets that listen."""
    lines = [
        line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    return [line[9] for line in lines if line[3] == "0A"]


def test_files_that_cannot_be_used_are_named(authority: Authority, tmp_path: Path) -> None:
    server = authority.server()
    missing = TcpFiles(certificate=server.certificate, key=tmp_path / "no.key", client_ca=authority.certificate)
    with pytest.raises(EdgeletError, match=r"no\.key: No such file") as caught:
        TcpDoor("127.0.0.1", 1, files=missing, clients=frozenset({"a"}))
    assert caught.value.reason == "CertificateInvalid"
    wrong = TcpFiles(certificate=server.certificate, key=authority.client("b").key, client_ca=authority.certificate)
    with pytest.raises(EdgeletError, match="KEY_VALUES_MISMATCH"):
        TcpDoor("127.0.0.1", 1, files=wrong, clients=frozenset({"a"}))


def revoked(authority: Authority, path: Path, *pairs: Pair) -> Path:
    """Write the authority's list of revoked certificates."""
    now = dt.datetime.now(dt.UTC)
    issuer = x509.load_pem_x509_certificate(authority.certificate.read_bytes()).subject
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer).last_update(now - dt.timedelta(minutes=1))
    builder = builder.next_update(now + dt.timedelta(days=1))
    for pair in pairs:
        serial = x509.load_pem_x509_certificate(pair.certificate.read_bytes()).serial_number
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build()
        builder = builder.add_revoked_certificate(entry)
    made = builder.sign(authority._key, hashes.SHA256())
    fresh = path.with_suffix(".new")
    fresh.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    fresh.replace(path)
    return path
