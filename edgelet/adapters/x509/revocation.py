"""Certificate revocation lists: signed, and read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from edgelet.adapters.x509.certificates import Certificate
from edgelet.adapters.x509.errors import invalid, translated
from edgelet.adapters.x509.signing import Signer
from edgelet.api import revocations
from edgelet.api.errors import EdgeletError
from edgelet.api.revocations import KnownList, Revocations

KIND = "CertificateRevocationList"
_END = b"-----END X509 CRL-----"

# Words of RFC 5280, 5.3.1, that make sense here.
REASONS = (
    "unspecified",
    "keyCompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "privilegeWithdrawn",
)


@dataclass(frozen=True, slots=True)
class Revoked:
    """One certificate that is not good any more."""

    serial: str  # hex
    at: dt.datetime
    reason: str = "unspecified"  # one of REASONS


@dataclass(frozen=True, slots=True)
class RevocationList:
    """What a list says, and its PEM."""

    number: int
    this_update: dt.datetime
    next_update: dt.datetime
    serials: frozenset[str]
    pem: bytes


def make(
    signer: Signer, revoked: Iterable[Revoked], *, number: int, this_update: dt.datetime, next_update: dt.datetime
) -> RevocationList:
    """Sign a list of everything that this signer's certificates lost. Raises InvalidObjectError."""
    with translated(KIND, signer.certificate.common_name):
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(signer.certificate.parsed.subject)
            .last_update(this_update)
            .next_update(next_update)
            .add_extension(x509.CRLNumber(number), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()), critical=False)
        )
        for one in revoked:
            builder = builder.add_revoked_certificate(_entry(one))
        signed = builder.sign(signer.key, hashes.SHA256())
    return _told(signed)


def read(pem: bytes, issuers: Iterable[Certificate]) -> tuple[RevocationList, ...]:
    """All lists of a file, each signed by one of the issuers.

    Raises:
        InvalidObjectError: There is none, one is damaged, or one was signed by somebody else.
    """
    parts = [part + _END for part in pem.split(_END)[:-1]]
    if not parts:
        raise invalid(KIND, "", "", "must be PEM blocks X509 CRL")
    found = []
    known = list(issuers)
    with translated(KIND, ""):
        for part in parts:
            signed = x509.load_pem_x509_crl(part)
            if not any(
                one.parsed.subject == signed.issuer and signed.is_signature_valid(one.public_key) for one in known
            ):
                raise invalid(KIND, signed.issuer.rfc4514_string(), "signature", "was made by none of the authorities")
            found.append(_told(signed))
    return tuple(found)


def newest(pem: bytes, issuer: Certificate) -> RevocationList | None:
    """The list with the highest number among those of a file that this issuer signed; None: there is no whole one."""
    found = []
    for part in (part + _END for part in pem.split(_END)[:-1]):
        try:
            with translated(KIND, ""):
                signed = x509.load_pem_x509_crl(part)
                if issuer.parsed.subject == signed.issuer and _is_signed_by(signed, issuer):
                    found.append(_told(signed))
        except EdgeletError:  # of somebody else, or damaged
            continue
    return max(found, key=lambda one: one.number, default=None)


def known(pem: bytes, issuers: Iterable[Certificate]) -> tuple[tuple[KnownList, ...], tuple[str, ...]]:
    """What the lists of a message say, and what is wrong with those that are left out, in words.

    A list counts if one of `issuers`, authorities that are trusted, signed it. Its dates do not matter: what it revokes
    is revoked. One bad list must not cost the others, nor the message that it came with.
    """
    found, wrong = [], []
    authorities = [one for one in issuers if one.is_authority]
    for part in (part + _END for part in pem.split(_END)[:-1]):
        try:
            with translated(KIND, ""):
                found.append(_known(x509.load_pem_x509_crl(part), authorities))
        except EdgeletError as error:
            wrong.append(error.message)
    return tuple(found), tuple(wrong)


def _known(signed: x509.CertificateRevocationList, authorities: Iterable[Certificate]) -> KnownList:
    shown = signed.issuer.rfc4514_string()[:200]
    for issuer in authorities:
        if issuer.parsed.subject == signed.issuer and _is_signed_by(signed, issuer):
            break
    else:
        raise invalid(KIND, shown, "signature", "was made by none of the authorities")
    for extension in signed.extensions:
        if extension.critical:  # RFC 5280, 5.2: a list of a part only, or of changes; ours has none
            raise invalid(KIND, shown, "extensions", f"has {extension.oid.dotted_string}, which is not understood")
    told = _told(signed)
    one = KnownList(
        issuer=(issuer.common_name or shown)[:200],
        key=issuer.spki_digest,
        number=told.number,
        ends=max(0, int(told.next_update.timestamp())),
        revoked=told.serials,
    )
    revocations.decode(revocations.encode(Revocations((one,))))  # what is kept can be read again: it is within bounds
    return one


def _is_signed_by(signed: x509.CertificateRevocationList, issuer: Certificate) -> bool:
    key = issuer.parsed.public_key()
    return signed.is_signature_valid(key)  # type: ignore[arg-type]  # of another kind: TypeError, which is translated


def _entry(one: Revoked) -> x509.RevokedCertificate:
    builder = x509.RevokedCertificateBuilder().serial_number(int(one.serial, 16)).revocation_date(one.at)
    if one.reason != "unspecified":  # RFC 5280: left out rather than said
        builder = builder.add_extension(x509.CRLReason(x509.ReasonFlags[_flag(one.reason)]), critical=False)
    return builder.build()


def _flag(reason: str) -> str:
    """KeyCompromise -> key_compromise."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in reason)


def _told(signed: x509.CertificateRevocationList) -> RevocationList:
    next_update = signed.next_update_utc
    return RevocationList(
        number=signed.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number,
        this_update=signed.last_update_utc,
        next_update=next_update if next_update is not None else signed.last_update_utc,
        serials=frozenset(f"{one.serial_number:x}" for one in signed),
        pem=signed.public_bytes(serialization.Encoding.PEM),
    )
