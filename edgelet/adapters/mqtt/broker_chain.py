"""Whether somebody above the broker has revoked its certificate, or one of the authorities on the way up.

Looked up by ourselves after OpenSSL has verified the chain, and not by OpenSSL's own CRL check: that one refuses a
broker where any list is missing or past its end, and asks for the leaf's list first, so that without it a revoked
authority above is not even looked at (measured; docs/adr/0020).
"""

from __future__ import annotations

import _ssl  # the encodings; Python's own ssl module has no name for them
import hashlib
import itertools
import ssl
from typing import Any

from edgelet.api.errors import BusError
from edgelet.api.revocations import Revocations

_SEQUENCE, _INTEGER, _VERSION = 0x30, 0x02, 0xA0  # tags of DER
_SHORT = 0x80  # lengths from here on say how many bytes have the length


def check(connection: ssl.SSLSocket | ssl.SSLObject, revoked: Revocations | None) -> None:
    """Judge a connection whose handshake is done.

    Raises:
        BusError: CertificateRevoked; CertificateInvalid: a certificate cannot be read.
    """
    if revoked is None or not revoked.lists:
        return
    try:
        chain = [_serial_and_key(der) for der in _verified(connection)]
    except (IndexError, ValueError) as error:
        raise BusError("CertificateInvalid", "cannot trust the broker: a certificate of it cannot be read") from error
    if not chain:  # of a session that was resumed, or not verified: we make neither
        raise BusError("CertificateInvalid", "cannot trust the broker: its certificate was not verified")
    for depth, ((serial, _), (_, issuer_key)) in enumerate(itertools.pairwise(chain)):
        if revoked.names(serial, issuer_key=issuer_key):
            whose = "its certificate" if depth == 0 else "the certificate of an authority above it"
            raise BusError(
                "CertificateRevoked",
                f"cannot trust the broker: {whose}, serial {serial}, was revoked; the broker needs a new one",
            )


def _verified(connection: ssl.SSLSocket | ssl.SSLObject) -> list[bytes]:
    """Return the chain that OpenSSL found good, the broker's own first, the root last; DER."""
    public = getattr(connection, "get_verified_chain", None)  # Python 3.13 and later
    if public is not None:
        found: list[bytes] = public()
        return found
    inner: Any = getattr(connection, "_sslobj")  # noqa: B009  Python 3.10 to 3.12 have it there
    return [one.public_bytes(_ssl.ENCODING_DER) for one in inner.get_verified_chain() or ()]


def _serial_and_key(der: bytes) -> tuple[str, str]:
    """Return the serial in hex and the SHA-256 of the SubjectPublicKeyInfo. Source: RFC 5280, 4.1.

    Raises:
        IndexError, ValueError: It is no DER. OpenSSL takes a little more; nobody who is honest makes that.
    """
    _, certificate, _ = _part(der, 0, _SEQUENCE)
    _, at, _ = _part(der, certificate, _SEQUENCE)
    if der[at] == _VERSION:
        _, _, at = _part(der, at, _VERSION)
    _, serial, at = _part(der, at, _INTEGER)
    number = int.from_bytes(der[serial:at], "big", signed=True)  # nobody's should be negative; some are
    for _ in ("signature", "issuer", "validity", "subject"):
        _, _, at = _part(der, at, _SEQUENCE)
    begin, _, end = _part(der, at, _SEQUENCE)
    return f"{number:x}", hashlib.sha256(der[begin:end]).hexdigest()


def _part(der: bytes, at: int, tag: int) -> tuple[int, int, int]:
    """Return where a part begins, where its content begins, and where it ends."""
    if der[at] != tag:
        raise ValueError(f"tag {der[at]:#x}, {tag:#x} expected")
    length, content = der[at + 1], at + 2
    if length >= _SHORT:
        size = length - _SHORT
        if not 1 <= size <= 3:  # noqa: PLR2004  no certificate has 16 MiB, and one of unknown length is no DER
            raise ValueError("no length")
        length = int.from_bytes(der[content : content + size], "big")
        content += size
    if content + length > len(der):
        raise ValueError("it ends early")
    return at, content, content + length
