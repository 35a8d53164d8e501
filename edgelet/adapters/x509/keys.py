"""P-256 keys: made, stored, loaded, used."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from edgelet.adapters.host import durable_file
from edgelet.adapters.x509.errors import invalid, translated
from edgelet.api.errors import ForbiddenError

PrivateKey = ec.EllipticCurvePrivateKey
PublicKey = ec.EllipticCurvePublicKey

_MOST_BYTES = 16 * 1024


def generate() -> PrivateKey:
    """Make a new key."""
    return ec.generate_private_key(ec.SECP256R1())


def encode(key: PrivateKey, *, passphrase: bytes | None = None) -> bytes:
    """The key as PKCS #8 in PEM, encrypted if there is a passphrase."""
    encryption: serialization.KeySerializationEncryption = (
        serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    )
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def decode(pem: bytes, *, passphrase: bytes | None = None, name: str = "key") -> PrivateKey:
    """Read a key from PEM; `name` is what messages call it. A passphrase that the key does not need is not used.

    Raises:
        ForbiddenError: It is encrypted, and the passphrase is missing or wrong.
        InvalidObjectError: It is no P-256 key.
    """
    encrypted = b"ENCRYPTED" in pem
    if encrypted and not passphrase:
        raise ForbiddenError(f"cannot read {name}: it is encrypted, give its passphrase (--passphrase-file)")
    if encrypted:
        try:
            key: Any = serialization.load_pem_private_key(pem, passphrase)
        except ValueError as error:
            raise ForbiddenError(f"cannot read {name}: the passphrase is wrong, or the file is damaged") from error
    else:
        with translated("PrivateKey", name):
            key = serialization.load_pem_private_key(pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not is_p256(key.public_key()):
        raise invalid("PrivateKey", name, "", "must be a P-256 key")
    return key


def save(path: Path, key: PrivateKey, *, passphrase: bytes | None = None) -> None:
    """Store a key for its owner only, in one step that a power cut cannot halve. Raises StorageError."""
    durable_file.write(path, encode(key, passphrase=passphrase), mode=durable_file.SECRET)


def load(path: Path, *, passphrase: bytes | None = None) -> PrivateKey:
    """Read a stored key.

    Raises:
        StorageError: The file cannot be read.
        ForbiddenError: It is encrypted, and the passphrase is missing or wrong.
        InvalidObjectError: It is no P-256 key.
    """
    return decode(durable_file.read(path, most_bytes=_MOST_BYTES), passphrase=passphrase, name=str(path))


def is_p256(key: object) -> bool:
    """Whether a public key is of the one type that edgelet makes and takes."""
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)


def digest(key: PublicKey) -> str:
    """What tells keys apart: SHA-256 of the SubjectPublicKeyInfo, hex."""
    encoded = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(encoded).hexdigest()


def sign(key: PrivateKey, message: bytes) -> bytes:
    """ECDSA with SHA-256; DER."""
    return key.sign(message, ec.ECDSA(hashes.SHA256()))


def verifies(key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether `sign` with the other half of this key made the signature."""
    try:
        key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True
