"""A certificate signing request as a stranger sends it.

DER is put into PEM, and what a request says is signed by the key that the seeds name: else a change of any byte would
end at the signature.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from edgelet.adapters.x509 import chain, keys, requests, signing
from edgelet.adapters.x509.signing import Life, Signer
from edgelet.api import identity
from edgelet.api.errors import InvalidObjectError

_NOW = datetime(2026, 6, 1, tzinfo=UTC)
_LIFE = Life(_NOW - timedelta(hours=1), _NOW + timedelta(days=60))
_KEY = ec.derive_private_key(0xED6E1E7, ec.SECP256R1())  # of the seeds that are signed here
_ECDSA_WITH_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")


def _signers() -> tuple[Signer, Signer]:
    key, below = keys.generate(), keys.generate()
    root = Signer(signing.root(key, name="root", life=_LIFE), key)
    return root, Signer(signing.issuing(root, below.public_key(), name="issuing", life=_LIFE), below)


_ROOT, _ISSUING = _signers()


def try_input(data: bytes) -> None:
    """What is accepted gets a certificate of exactly its name and key, if the name is one of ours."""
    if data.lstrip().startswith(b"-"):
        _try(data)
        return
    _try(_pem(data))
    _try(_pem(signed(data)))


def signed(info: bytes) -> bytes:
    """Return a request, DER, of a CertificationRequestInfo. Source: RFC 2986, 4.2."""
    value = b"\0" + _KEY.sign(info, ec.ECDSA(hashes.SHA256()))
    return _tagged(0x30, info + _ECDSA_WITH_SHA256 + _tagged(0x03, value))


def _tagged(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:  # longer ones tell how long their length is. Source: X.690, 8.1.3
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _pem(der: bytes) -> bytes:
    return b"-----BEGIN CERTIFICATE REQUEST-----\n%b-----END CERTIFICATE REQUEST-----\n" % base64.encodebytes(der)


def _try(pem: bytes) -> None:
    try:
        request = requests.read(pem, name="a/b")
        identity.parse(request.common_name)
    except InvalidObjectError as error:
        assert str(error)
        return
    name = request.common_name
    made = signing.client(_ISSUING, request.public_key, common_name=name, life=_LIFE)
    assert (made.common_name, made.key_digest, made.usages) == (name, request.key_digest, frozenset({"clientAuth"}))
    assert not made.is_authority
    assert made.hosts == ()
    chain.verify([made, _ISSUING.certificate], [_ROOT.certificate], usage="clientAuth", now=_NOW)
