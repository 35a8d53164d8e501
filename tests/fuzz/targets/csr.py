"""A certificate signing request as a stranger sends it; DER is put into PEM, so that bytes behind it are reached."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

from edgelet.adapters.x509 import chain, keys, requests, signing
from edgelet.adapters.x509.signing import Life, Signer
from edgelet.api import identity
from edgelet.api.errors import InvalidObjectError

_NOW = datetime(2026, 6, 1, tzinfo=UTC)
_LIFE = Life(_NOW - timedelta(hours=1), _NOW + timedelta(days=60))


def _signers() -> tuple[Signer, Signer]:
    key, below = keys.generate(), keys.generate()
    root = Signer(signing.root(key, name="root", life=_LIFE), key)
    return root, Signer(signing.issuing(root, below.public_key(), name="issuing", life=_LIFE), below)


_ROOT, _ISSUING = _signers()


def try_input(data: bytes) -> None:
    """What is accepted gets a certificate of exactly its name and key, if the name is one of ours."""
    pem = data
    if not data.lstrip().startswith(b"-"):
        pem = b"-----BEGIN CERTIFICATE REQUEST-----\n%b-----END CERTIFICATE REQUEST-----\n" % base64.encodebytes(data)
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
