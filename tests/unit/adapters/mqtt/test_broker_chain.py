"""A broker that was revoked is refused after the handshake: real TLS, in memory, with whatever can be missing."""

from __future__ import annotations

import datetime as dt
import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from edgelet.adapters.mqtt import broker_chain
from edgelet.adapters.x509 import keys, revocation, signing
from edgelet.adapters.x509.certificates import Certificate
from edgelet.adapters.x509.signing import Life, Signer
from edgelet.api.errors import BusError
from edgelet.api.revocations import Revocations

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
DAY = dt.timedelta(days=1)
LIFE = Life(NOW - DAY, NOW + 30 * DAY)


@dataclass
class Side:
    """An authority with an issuing one below it, and a broker."""

    directory: Path

    def __post_init__(self) -> None:
        key, below, own = keys.generate(), keys.generate(), keys.generate()
        self.root = Signer(signing.root(key, name="root", life=LIFE), key)
        self.issuing = Signer(signing.issuing(self.root, below.public_key(), name="issuing", life=LIFE), below)
        self.broker = signing.server(self.issuing, own.public_key(), hosts=["localhost"], life=LIFE)
        keys.save(self.directory / "key", own)
        (self.directory / "chain").write_bytes(self.broker.pem() + self.issuing.certificate.pem())
        (self.directory / "ca").write_bytes(self.root.certificate.pem())

    def connection(self, *, maximum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLObject:
        """Shake hands; the broker's chain is found good."""
        broker = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        broker.load_cert_chain(self.directory / "chain", self.directory / "key")
        board = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        board.load_verify_locations(self.directory / "ca")
        board.maximum_version = maximum
        up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = board.wrap_bio(down, up, server_hostname="localhost")
        server = broker.wrap_bio(up, down, server_side=True)
        for _ in range(4):
            for side in (client, server):
                try:
                    side.do_handshake()
                except ssl.SSLWantReadError:
                    continue
        return client

    def revoked(self, signer: Signer, *gone: Certificate) -> Revocations:
        named = [revocation.Revoked(one.serial, NOW) for one in gone]
        pem = revocation.make(signer, named, number=1, this_update=NOW - 9 * DAY, next_update=NOW - 8 * DAY).pem
        lists, _ = revocation.known(pem, [signer.certificate])
        return Revocations().merged(lists)[0]


@pytest.fixture
def side(tmp_path: Path) -> Side:
    return Side(tmp_path)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_revoked_broker_is_refused_by_a_list_of_long_ago_with_its_serial(side: Side, version: ssl.TLSVersion) -> None:
    connection = side.connection(maximum=version)
    with pytest.raises(BusError, match=f"its certificate, serial {side.broker.serial}, was revoked") as caught:
        broker_chain.check(connection, side.revoked(side.issuing, side.broker))
    assert caught.value.reason == "CertificateRevoked"


def test_a_revoked_authority_is_refused_although_it_has_no_list_of_its_own(side: Side) -> None:
    """OpenSSL asks for the leaf's list first, and would say only that there is none."""
    with pytest.raises(BusError, match="an authority above it"):
        broker_chain.check(side.connection(), side.revoked(side.root, side.issuing.certificate))


def test_what_is_not_known_to_be_revoked_is_taken(side: Side, tmp_path: Path) -> None:
    connection = side.connection()
    (tmp_path / "other").mkdir()
    other = Side(tmp_path / "other")
    for known in (
        None,
        Revocations(),
        side.revoked(side.issuing),
        side.revoked(side.root, side.broker),  # a serial of another issuer
        other.revoked(other.issuing, side.broker),
    ):
        broker_chain.check(connection, known)


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["P-256", "P-384", "Ed25519", "RSA"],
)
def test_serial_and_key_are_read_as_the_library_reads_them(side: Side, key: ec.EllipticCurvePrivateKey) -> None:
    own = signing.server(side.issuing, key.public_key(), hosts=["localhost"], life=LIFE)  # whatever key it has
    assert broker_chain._serial_and_key(own.der()) == (own.serial, own.spki_digest)


def test_what_is_no_der_is_refused_and_not_taken_for_good(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    der = side.broker.der()
    ends_early = [der[:cut] for cut in range(0, 300, 7)]
    of_unknown_length = der[:1] + b"\x80" + der[2:]
    known = side.revoked(side.issuing)
    for bad in (*ends_early, of_unknown_length, b"\x31" + der[1:], bytes(100)):
        monkeypatch.setattr(broker_chain, "_verified", lambda _, bad=bad: [bad, side.issuing.certificate.der()])
        with pytest.raises(BusError, match="cannot be read"):
            broker_chain.check(side.connection(), known)


def test_a_connection_without_a_verified_chain_is_refused(side: Side) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unshaken = context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost")
    with pytest.raises(BusError, match="was not verified"):
        broker_chain.check(unshaken, side.revoked(side.issuing))


def test_the_library_keeps_what_the_agent_hashes(side: Side) -> None:
    public = side.issuing.certificate.public_key
    spki = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert spki in side.issuing.certificate.der()
