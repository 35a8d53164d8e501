from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from edgelet.adapters.host import durable_file
from edgelet.adapters.x509 import keys
from edgelet.api.errors import ForbiddenError, InvalidObjectError, StorageError


def test_a_stored_key_is_its_owners_alone_and_comes_back(tmp_path: Path) -> None:
    key = keys.generate()
    keys.save(tmp_path / "k", key)
    assert stat.S_IMODE((tmp_path / "k").stat().st_mode) == 0o600
    assert keys.digest(keys.load(tmp_path / "k").public_key()) == keys.digest(key.public_key())
    assert [path.name for path in tmp_path.iterdir()] == ["k"]


def test_a_key_with_a_passphrase_needs_it(tmp_path: Path) -> None:
    key = keys.generate()
    keys.save(tmp_path / "k", key, passphrase=b"right")
    assert b"ENCRYPTED" in (tmp_path / "k").read_bytes()
    for wrong in (None, b"", b"wrong"):
        with pytest.raises(ForbiddenError, match="passphrase"):
            keys.load(tmp_path / "k", passphrase=wrong)
    assert keys.digest(keys.load(tmp_path / "k", passphrase=b"right").public_key()) == keys.digest(key.public_key())


def test_a_passphrase_that_is_not_needed_does_no_harm(tmp_path: Path) -> None:
    keys.save(tmp_path / "k", keys.generate())
    assert keys.is_p256(keys.load(tmp_path / "k", passphrase=b"any").public_key())


@pytest.mark.parametrize(
    "other",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=lambda key: str(type(key).__name__),
)
def test_keys_of_other_types_are_refused(other: rsa.RSAPrivateKey) -> None:
    pem = other.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(InvalidObjectError, match="P-256"):
        keys.decode(pem)


@pytest.mark.parametrize("pem", [b"", b"x", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_key_is_refused(pem: bytes) -> None:
    with pytest.raises(InvalidObjectError):
        keys.decode(pem)


def test_signatures_hold_for_their_message_and_key_only() -> None:
    key = keys.generate()
    signature = keys.sign(key, b"message")
    assert keys.verifies(key.public_key(), signature, b"message")
    assert not keys.verifies(key.public_key(), signature, b"massage")
    assert not keys.verifies(keys.generate().public_key(), signature, b"message")
    assert not keys.verifies(key.public_key(), b"", b"message")


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(StorageError):
        durable_file.write(tmp_path / "taken", b"x")
    with pytest.raises(StorageError):
        durable_file.write(tmp_path / "none" / "x", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_file_is_written_whole_and_read_up_to_a_bound(tmp_path: Path) -> None:
    durable_file.write(tmp_path / "f", b"1234", mode=0o640)
    durable_file.write(tmp_path / "f", b"12345", mode=0o644)
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o644
    assert durable_file.read(tmp_path / "f", most_bytes=5) == b"12345"
    with pytest.raises(StorageError, match="more than 4 bytes"):
        durable_file.read(tmp_path / "f", most_bytes=4)
    with pytest.raises(StorageError, match="No such file"):
        durable_file.read(tmp_path / "g", most_bytes=4)
