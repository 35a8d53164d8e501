"""Certificates as values: read from PEM, told in plain words, checked against each other."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edgelet.adapters.x509 import keys
from edgelet.adapters.x509.errors import invalid, translated
from edgelet.api.errors import InvalidObjectError

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)

KIND = "Certificate"
MAX_BYTES = 64 * 1024  # of a chain or a bundle


@dataclass(frozen=True)
class Certificate:
    """One certificate, with what edgelet asks of it. Equal by its bytes."""

    parsed: x509.Certificate

    @property
    def serial(self) -> str:
        """The serial number in lower-case hex, without leading zeros."""
        return f"{self.parsed.serial_number:x}"

    @cached_property
    def common_name(self) -> str:
        """The subject's CN; empty where there is none or are several."""
        found = self.parsed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(found[0].value) if len(found) == 1 else ""

    @property
    def not_before(self) -> dt.datetime:
        """From when on it is good."""
        return self.parsed.not_valid_before_utc

    @property
    def not_after(self) -> dt.datetime:
        """The last second at which it is good."""
        return self.parsed.not_valid_after_utc

    @cached_property
    def public_key(self) -> keys.PublicKey:
        """Its key. Raises InvalidObjectError where that is no P-256 key."""
        with translated(KIND, self.serial):
            key = self.parsed.public_key()
        if not isinstance(key, keys.PublicKey) or not keys.is_p256(key):
            raise invalid(KIND, self.serial, "publicKey", "must be a P-256 key")
        return key

    @property
    def key_digest(self) -> str:
        """SHA-256 of the SubjectPublicKeyInfo, hex. Raises InvalidObjectError as `public_key` does."""
        return keys.digest(self.public_key)

    @cached_property
    def spki_digest(self) -> str:
        """As `key_digest`, of a key of any kind: authorities may have others. Raises InvalidObjectError."""
        with translated(KIND, self.serial):
            key = self.parsed.public_key()
            encoded = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return hashlib.sha256(encoded).hexdigest()

    @cached_property
    def usages(self) -> frozenset[str]:
        """Of the extended key usage: clientAuth, serverAuth, or dotted numbers of others. Raises InvalidObjectError."""
        named = {ExtendedKeyUsageOID.CLIENT_AUTH: "clientAuth", ExtendedKeyUsageOID.SERVER_AUTH: "serverAuth"}
        with translated(KIND, self.serial):
            found = extension(self.parsed, x509.ExtendedKeyUsage)
            return frozenset(named.get(one, one.dotted_string) for one in found or ())

    @cached_property
    def hosts(self) -> tuple[str, ...]:
        """Names and addresses of the subject alternative name. Raises InvalidObjectError."""
        with translated(KIND, self.serial):
            found = extension(self.parsed, x509.SubjectAlternativeName)
            if found is None:
                return ()
            return (
                *found.get_values_for_type(x509.DNSName),
                *map(str, found.get_values_for_type(x509.IPAddress)),
            )

    @cached_property
    def is_authority(self) -> bool:
        """Whether it may sign certificates. Raises InvalidObjectError."""
        with translated(KIND, self.serial):
            constraints = extension(self.parsed, x509.BasicConstraints)
            usage = extension(self.parsed, x509.KeyUsage)
            return constraints is not None and constraints.ca and usage is not None and usage.key_cert_sign

    @cached_property
    def path_length(self) -> int | None:
        """How many authorities may stand between it and a leaf; None: any number. Raises InvalidObjectError."""
        with translated(KIND, self.serial):
            constraints = extension(self.parsed, x509.BasicConstraints)
            return constraints.path_length if constraints is not None else None

    @property
    def is_self_issued(self) -> bool:
        """Whether subject and issuer are the same: a root."""
        return self.parsed.subject == self.parsed.issuer

    def pem(self) -> bytes:
        """In PEM, one block."""
        return self.parsed.public_bytes(serialization.Encoding.PEM)

    def der(self) -> bytes:
        """The bytes that were signed and the signature."""
        return self.parsed.public_bytes(serialization.Encoding.DER)

    def was_issued_by(self, issuer: Certificate) -> bool:
        """Whether name and signature are of this issuer, and it may sign certificates."""
        try:
            with translated(KIND, self.serial):
                self.parsed.verify_directly_issued_by(issuer.parsed)
        except InvalidObjectError:
            return False
        return issuer.is_authority


def extension(parsed: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    """An extension of a certificate; None where it has none such."""
    try:
        return parsed.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def read(pem: bytes, *, name: str = "") -> tuple[Certificate, ...]:
    """All certificates of a file, in its order; `name` is what messages call it.

    Raises:
        InvalidObjectError: There is none, or something that is none.
    """
    if len(pem) > MAX_BYTES:
        raise invalid(KIND, name, "", f"must be no more than {MAX_BYTES} bytes")
    with translated(KIND, name):
        found = x509.load_pem_x509_certificates(pem)
        for one in found:  # the library reads these when they are asked for, and fails then
            _ = (one.version, one.serial_number, one.subject, one.issuer, one.extensions)
            _ = (one.not_valid_before_utc, one.not_valid_after_utc)
        return tuple(map(Certificate, found))


def bundle(certificates: Sequence[Certificate]) -> bytes:
    """PEM of several, one after the other."""
    return b"".join(one.pem() for one in certificates)
