"""The signature of a registrar under what it says, made and checked."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Iterable

from edgelet.adapters.x509 import certificates, chain, keys
from edgelet.adapters.x509.certificates import Certificate
from edgelet.api import identity
from edgelet.api.errors import ForbiddenError
from edgelet.api.identity import Role
from edgelet.api.revocations import Revocations

_NOTHING = Revocations()


def make(key: keys.PrivateKey, covered: bytes) -> str:
    """Return the signature in base64."""
    return base64.b64encode(keys.sign(key, covered)).decode()


def check(
    covered: bytes,
    *,
    signer: str,
    signature: str,
    trusted: Iterable[Certificate],
    now: dt.datetime | None,
    revoked: Revocations = _NOTHING,
) -> None:
    """Check that a registrar said this: `signer` leads to a trusted root and names one, and its key signed.

    Without `now` no date is looked at (a board whose clock nobody has set).

    Raises:
        InvalidObjectError: The certificate is none, is not trusted, or was revoked.
        ForbiddenError: It is no registrar's, or the signature is not of its key.
    """
    found = certificates.read(signer.encode(), name="signer")
    chain.verify(found, trusted, usage="clientAuth", now=now, revoked=revoked)
    if identity.parse(found[0].common_name).role is not Role.REGISTRAR:
        raise ForbiddenError(f"cannot believe what {found[0].common_name} signed: it is no registrar")
    if not keys.verifies(found[0].public_key, from_base64(signature), covered):
        raise ForbiddenError(f"cannot believe it: the signature is not of {found[0].common_name}")


def from_base64(text: str) -> bytes:
    """Return a signature's bytes; nothing for what is no base64, which no key has made."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""
