"""Certificate signing requests (PKCS #10): made, and read as the words of a stranger."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID, SignatureAlgorithmOID

from edgelet.adapters.x509 import keys
from edgelet.adapters.x509.errors import invalid, translated
from edgelet.api.errors import FieldError, InvalidObjectError

KIND = "CertificateSigningRequest"
MAX_BYTES = 8 * 1024  # one with a P-256 key has some 400

_PEM = re.compile(
    rb"\s*-----BEGIN (NEW )?CERTIFICATE REQUEST-----\r?\n[A-Za-z0-9+/=\r\n]+-----END (NEW )?CERTIFICATE REQUEST-----\s*"
)
_SIGNATURES = (
    SignatureAlgorithmOID.ECDSA_WITH_SHA256,
    SignatureAlgorithmOID.ECDSA_WITH_SHA384,
    SignatureAlgorithmOID.ECDSA_WITH_SHA512,
)


@dataclass(frozen=True, slots=True)
class Request:
    """What a good request asks for: a name, and a key that the asker holds."""

    common_name: str
    public_key: keys.PublicKey

    @property
    def key_digest(self) -> str:
        """SHA-256 of the SubjectPublicKeyInfo, hex."""
        return keys.digest(self.public_key)


def make(key: keys.PrivateKey, common_name: str) -> bytes:
    """A request in PEM. Raises InvalidObjectError where the name is too long."""
    with translated(KIND, common_name):
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        signed = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


def read(pem: bytes, *, name: str = "") -> Request:
    """Read a request: one PEM block, P-256, a common name and nothing else, signed by its own key.

    Nothing of it but name and key ever gets into a certificate; what asks for more (extensions, other parts of a name)
    is refused so that nobody believes he has it. `name` is what messages call the request.

    Raises:
        InvalidObjectError: It is anything else.
    """
    if len(pem) > MAX_BYTES:
        raise invalid(KIND, name, "", f"must be no more than {MAX_BYTES} bytes")
    if not _PEM.fullmatch(pem):
        raise invalid(KIND, name, "", "must be one PEM block CERTIFICATE REQUEST and nothing else")
    with translated(KIND, name), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library's remarks on a stranger's name would go to stderr, one for each
        signed = x509.load_pem_x509_csr(pem)
        faults = _faults(signed)
        if faults:
            raise InvalidObjectError(KIND, name, faults)
        public_key = signed.public_key()
        assert isinstance(public_key, keys.PublicKey)  # noqa: S101  _faults has looked; this is for mypy
        (attribute,) = signed.subject
        return Request(str(attribute.value), public_key)


def _faults(signed: x509.CertificateSigningRequest) -> tuple[FieldError, ...]:
    if not keys.is_p256(signed.public_key()):
        return (FieldError("publicKey", "must be a P-256 key"),)
    if signed.signature_algorithm_oid not in _SIGNATURES:
        return (FieldError("signatureAlgorithm", "must be ECDSA with SHA-256, SHA-384 or SHA-512"),)
    if not signed.is_signature_valid:
        return (FieldError("signature", "was not made by the request's own key"),)
    faults = []
    subject = list(signed.subject)
    if len(subject) != 1 or subject[0].oid != NameOID.COMMON_NAME or not isinstance(subject[0].value, str):
        faults.append(FieldError("subject", "must be a common name (CN) and nothing else"))
    if len(signed.attributes) > 0:
        faults.append(FieldError("attributes", "must be empty: the authority decides about extensions"))
    return tuple(faults)
