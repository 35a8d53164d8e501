"""Sealing a Secret for one node: HPKE of RFC 9180, base mode, by `cryptography`'s own implementation."""

from __future__ import annotations

import base64
import binascii
import json
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

from edgelet.api import sealed_secret
from edgelet.api.sealed_secret import SealedSecret
from edgelet.ports.sealing import UnreadableError

_CHILD_TIMEOUT_S = 120.0  # a board that just booted and has little memory
_NEW_KEY = """
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
key = X25519PrivateKey.generate()
print(key.private_bytes_raw().hex(), key.public_key().public_bytes_raw().hex())
"""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An X25519 key, as raw bytes."""

    private: bytes = field(repr=False)
    public: bytes

    @property
    def id(self) -> str:
        """The short name of the public key."""
        return sealed_secret.key_id(self.public)


def new_key() -> KeyPair:
    """Make a key in a process of its own, so that an agent without Secrets never loads `cryptography`. Blocking.

    Raises:
        OSError, subprocess.SubprocessError: It could not be made.
    """
    done = subprocess.run(
        [sys.executable, "-c", _NEW_KEY], check=True, capture_output=True, timeout=_CHILD_TIMEOUT_S, text=True
    )
    private, public = (bytes.fromhex(word) for word in done.stdout.split())
    return KeyPair(private, public)


def public_key(text: str) -> bytes:
    """Return the key that a text says, as `edgelet secrets public-key` prints it. Raises ValueError."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error as error:
        raise ValueError("this is no base64") from error
    if len(key) != sealed_secret.PUBLIC_KEY_BYTES:
        raise ValueError(f"an X25519 public key has {sealed_secret.PUBLIC_KEY_BYTES} bytes, this has {len(key)}")
    return key


def seal(secret: dict[str, Any], *, node: str, namespace: str, key: bytes) -> SealedSecret:
    """Seal a Secret for a node, under the Secret's own name.

    Args:
        secret: The object, with metadata.name.
        node: TENANT/NAME.
        namespace: Of the Secret.
        key: The node's public key.

    Raises:
        ValueError: The key cannot be used.
    """
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey  # noqa: PLC0415  6 MB

    name = secret["metadata"]["name"]
    text = json.dumps(secret, ensure_ascii=False, separators=(",", ":")).encode()
    info = sealed_secret.info(node, namespace, name)
    sealed = _suite().encrypt(text, X25519PublicKey.from_public_bytes(key), info)
    return SealedSecret(namespace, name, node, sealed_secret.key_id(key), sealed)


def unseal(sealed: bytes, *, private: bytes, info: bytes) -> bytes:
    """Return what was sealed. Raises UnreadableError."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415  6 MB
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey  # noqa: PLC0415

    try:
        content: bytes = _suite().decrypt(sealed, X25519PrivateKey.from_private_bytes(private), info)
    except (InvalidTag, ValueError) as error:
        raise UnreadableError("it was sealed for another node, namespace or name, or was changed since") from error
    return content


def _suite() -> Any:
    from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite  # noqa: PLC0415  6 MB

    return Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
