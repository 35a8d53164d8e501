"""Certificates as a stranger shows them: a board that renews, a registrar that signs its answer."""

from __future__ import annotations

import base64
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from edgelet.adapters.mqtt import broker_chain
from edgelet.adapters.x509 import certificates, chain, keys, signing
from edgelet.adapters.x509.certificates import Certificate
from edgelet.adapters.x509.signing import Life
from edgelet.api.errors import InvalidObjectError
from edgelet.api.revocations import KnownList, Revocations

_NOW = datetime(2026, 6, 1, tzinfo=UTC)
_REVOKED = Revocations((KnownList(issuer="root", key="0" * 64, number=1, ends=0, revoked=frozenset({"1"})),))
_ROOT = signing.root(keys.generate(), name="root", life=Life(_NOW, _NOW + timedelta(days=60)))


def try_input(data: bytes) -> None:
    """Nobody's certificate leads to our root, whatever is in it; looking at it raises nothing of others."""
    with suppress(IndexError, ValueError):
        serial, key = broker_chain._serial_and_key(data)  # what an agent without that library reads
        int(serial, 16)
        assert len(key) == 64
    pem = data
    if not data.lstrip().startswith(b"-"):
        pem = b"-----BEGIN CERTIFICATE-----\n%b-----END CERTIFICATE-----\n" % base64.encodebytes(data)
    try:
        found = certificates.read(pem)
    except InvalidObjectError as error:
        assert str(error)
        return
    for one in found:
        _look(one)
    for now in (None, _NOW):
        try:
            chain.verify(found, [_ROOT], usage="clientAuth", now=now, revoked=_REVOKED)
        except InvalidObjectError:
            continue
        raise AssertionError("a certificate that nobody signed leads to our root")


def _look(one: Certificate) -> None:
    assert int(one.serial, 16) == one.parsed.serial_number
    with suppress(IndexError, ValueError):
        assert int(broker_chain._serial_and_key(one.der())[0], 16) == one.parsed.serial_number
    assert one.pem()
    for ask in (
        lambda: one.common_name,
        lambda: (one.not_before, one.not_after),
        lambda: one.key_digest,
        lambda: one.spki_digest,
        lambda: one.usages,
        lambda: one.hosts,
        lambda: one.is_authority,
        lambda: one.path_length,
        lambda: one.is_self_issued,
        lambda: one.was_issued_by(one),
    ):
        with suppress(InvalidObjectError):
            ask()
