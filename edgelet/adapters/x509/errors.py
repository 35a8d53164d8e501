"""The border for errors of `cryptography`: above it there is EdgeletError."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from edgelet.api.errors import FieldError, InvalidObjectError

FOREIGN = (
    ValueError,  # bad ASN.1, bad PEM, a name that is too long
    TypeError,  # a key where no passphrase was expected, and the other way round
    OverflowError,
    UnsupportedAlgorithm,
    InvalidSignature,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.AttributeNotFound,
    x509.UnsupportedGeneralNameType,
)


@contextmanager
def translated(kind: str, name: str) -> Iterator[None]:
    """Turn what `cryptography` raises over `name` into InvalidObjectError."""
    try:
        yield
    except FOREIGN as error:
        raise invalid(kind, name, "", str(error) or type(error).__name__) from error


def invalid(kind: str, name: str, path: str, message: str) -> InvalidObjectError:
    """One fault of one thing."""
    return InvalidObjectError(kind, name, (FieldError(path, message),))
