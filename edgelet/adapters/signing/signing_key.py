"""The private key of whoever signs: made, kept in a file of its owner alone, used. Not for the agent."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edgelet.api import dsse
from edgelet.api.errors import EdgeletError

_MAX_FILE_BYTES = 16 * 1024


class SigningKey:
    """An Ed25519 key that signs."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes_raw()
        self.key_id = dsse.key_id(self.public)

    @classmethod
    def generate(cls) -> SigningKey:
        """Return a new key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def read(cls, path: Path, *, passphrase: bytes | None) -> SigningKey:
        """Read a PEM file (PKCS #8).

        Raises:
            EdgeletError: InvalidSigningKeys: not readable, no Ed25519 key, or not the passphrase.
        """
        try:
            with path.open("rb") as file:
                data = file.read(_MAX_FILE_BYTES)
            private = serialization.load_pem_private_key(data, password=passphrase)
        except OSError as error:
            raise _bad(f"cannot read the key {path}: {error.strerror}") from error
        except TypeError as error:  # a passphrase where none is needed, or none where one is
            raise _bad(f"cannot open the key {path}: {error}") from error
        except ValueError as error:
            raise _bad(f"cannot open the key {path}: it is no PEM key, or the passphrase is wrong") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise _bad(f"cannot use the key {path}: it is not Ed25519")
        return cls(private)

    def write(self, path: Path, *, passphrase: bytes | None) -> None:
        """Write a new file that only its owner reads (0600). Raises EdgeletError, also where one is there."""
        how = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
        data = self._private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(descriptor)
        except FileExistsError as error:
            raise _bad(f"cannot write the key: {path} is there already, and a key that is lost is lost") from error
        except OSError as error:
            raise _bad(f"cannot write the key {path}: {error.strerror}") from error

    def sign(self, message: bytes) -> bytes:
        """Return the signature, 64 bytes."""
        return self._private.sign(message)


def _bad(why: str) -> EdgeletError:
    return EdgeletError("InvalidSigningKeys", why)
