"""Revocation lists: as a registrar sends them (PEM, or DER that is put into PEM), and as the file of a board."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

from edgelet.adapters.x509 import keys, revocation, signing
from edgelet.adapters.x509.signing import Life
from edgelet.api import revocations
from edgelet.api.revocations import Revocations
from edgelet.api.strict_fields import MessageError

_NOW = datetime(2026, 6, 1, tzinfo=UTC)
_ROOT = signing.root(keys.generate(), name="root", life=Life(_NOW, _NOW + timedelta(days=60)))


def try_input(data: bytes) -> None:
    """A list that our root did not sign says nothing, whatever is in it; a file is read whole or not at all."""
    try:
        kept = revocations.decode(data)
    except MessageError as error:
        assert str(error)
    else:
        assert revocations.decode(revocations.encode(kept)) == kept
        again, refused = kept.merged(kept.lists)
        assert refused == ()
        assert {one.key for one in again.lists} == {one.key for one in kept.lists}
    pem = data
    if not data.lstrip().startswith(b"-"):
        pem = b"-----BEGIN X509 CRL-----\n%b-----END X509 CRL-----\n" % base64.encodebytes(data)
    lists, wrong = revocation.known(pem, [_ROOT])
    assert lists == ()
    assert all(wrong)
    assert Revocations().merged(lists)[0] == Revocations()
