"""Certificates as an authority signs them: root, issuing, node and controller and registrar, broker.

Each has what OpenSSL's strict mode (X509_V_FLAG_X509_STRICT, Python 3.13's default) asks for. Source: RFC 5280.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edgelet.adapters.x509 import keys
from edgelet.adapters.x509.certificates import KIND, Certificate
from edgelet.adapters.x509.errors import invalid, translated

_NO_USAGE = {
    "digital_signature": False,
    "content_commitment": False,
    "key_encipherment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "key_cert_sign": False,
    "crl_sign": False,
    "encipher_only": False,
    "decipher_only": False,
}
# Names of containers have underscores, whatever RFC 1123 says of hosts.
_LABEL = "[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?"
_HOST = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*")
_MAX_HOST_CHARACTERS = 253
_AUTHORITY_USAGE = x509.KeyUsage(**_NO_USAGE | {"key_cert_sign": True, "crl_sign": True})
_LEAF_USAGE = x509.KeyUsage(**_NO_USAGE | {"digital_signature": True})


@dataclass(frozen=True, slots=True)
class Signer:
    """A certificate that may sign, with its key."""

    certificate: Certificate
    key: keys.PrivateKey


@dataclass(frozen=True, slots=True)
class Life:
    """From when to when a certificate is good; whole seconds."""

    not_before: dt.datetime
    not_after: dt.datetime


def new_serial() -> int:
    """159 random bits: nobody guesses the next one, and none comes twice."""
    return x509.random_serial_number()


def root(key: keys.PrivateKey, *, name: str, life: Life) -> Certificate:
    """A certificate that signs itself."""
    subject = _name(name)
    with translated(KIND, name):
        builder = _builder(subject, subject, key.public_key(), life)
        builder = _as_authority(builder, key.public_key(), key.public_key(), path_length=None)
        return Certificate(builder.sign(key, hashes.SHA256()))


def authority(
    signer: Signer, public_key: keys.PublicKey, *, subject: x509.Name, life: Life, path_length: int | None
) -> Certificate:
    """A certificate that may sign others; `path_length` is how many authorities may stand below it (None: any)."""
    with translated(KIND, subject.rfc4514_string()):
        builder = _builder(subject, signer.certificate.parsed.subject, public_key, life)
        builder = _as_authority(builder, public_key, signer.key.public_key(), path_length=path_length)
        return Certificate(builder.sign(signer.key, hashes.SHA256()))


def issuing(signer: Signer, public_key: keys.PublicKey, *, name: str, life: Life) -> Certificate:
    """A certificate that signs leaves."""
    return authority(signer, public_key, subject=_name(name), life=life, path_length=0)


def cross(signer: Signer, other: Certificate, *, life: Life) -> Certificate:
    """Another root under this one: who trusts only this one then trusts what stands below the other."""
    return authority(signer, other.public_key, subject=other.parsed.subject, life=life, path_length=None)


def client(signer: Signer, public_key: keys.PublicKey, *, common_name: str, life: Life) -> Certificate:
    """For a node, a controller or a registrar: clientAuth only."""
    with translated(KIND, common_name):
        builder = _leaf(signer, public_key, _name(common_name), life, ExtendedKeyUsageOID.CLIENT_AUTH)
        return Certificate(builder.sign(signer.key, hashes.SHA256()))


def server(signer: Signer, public_key: keys.PublicKey, *, hosts: Sequence[str], life: Life) -> Certificate:
    """For a broker under these names and addresses: serverAuth only.

    Raises:
        InvalidObjectError: One of the hosts is neither a name nor an address, or there is none.
    """
    if not hosts:
        raise invalid(KIND, "", "hosts", "at least one name or address is needed")
    with translated(KIND, hosts[0]):
        # A common name takes 64 characters, a host name up to 253: only the alternative names are looked at anyway.
        builder = _leaf(signer, public_key, _name(hosts[0][:64]), life, ExtendedKeyUsageOID.SERVER_AUTH)
        names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
        return Certificate(builder.add_extension(names, critical=False).sign(signer.key, hashes.SHA256()))


def _name(common_name: str) -> x509.Name:
    with translated(KIND, common_name):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        if len(host) > _MAX_HOST_CHARACTERS or not _HOST.fullmatch(host):  # the library takes anything that is ASCII
            raise invalid(KIND, host, "hosts", "must be names or addresses, without a port or a scheme") from None
        return x509.DNSName(host)


def _builder(subject: x509.Name, issuer: x509.Name, key: keys.PublicKey, life: Life) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(new_serial())
        .not_valid_before(life.not_before)
        .not_valid_after(life.not_after)
    )


def _as_authority(
    builder: x509.CertificateBuilder, key: keys.PublicKey, signing_key: keys.PublicKey, *, path_length: int | None
) -> x509.CertificateBuilder:
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_AUTHORITY_USAGE, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key), critical=False)
    )


def _leaf(
    signer: Signer, key: keys.PublicKey, subject: x509.Name, life: Life, usage: x509.ObjectIdentifier
) -> x509.CertificateBuilder:
    return (
        _builder(subject, signer.certificate.parsed.subject, key, life)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_LEAF_USAGE, critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()), critical=False)
    )
