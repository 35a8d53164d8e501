from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from edgelet.adapters.signing import public_keys
from edgelet.adapters.signing.signing_key import SigningKey
from edgelet.adapters.signing.verifier import Ed25519Verifier
from edgelet.api import dsse
from edgelet.api.errors import EdgeletError


def test_a_signature_holds_for_its_message_and_key_alone() -> None:
    key, other, verify = SigningKey.generate(), SigningKey.generate(), Ed25519Verifier().verify
    signature = key.sign(b"message")
    assert verify(key.public, signature, b"message")
    assert not verify(key.public, signature, b"massage")
    assert not verify(other.public, signature, b"message")
    assert not verify(key.public, signature[:-1], b"message")
    assert not verify(b"short", signature, b"message")


@pytest.mark.parametrize("passphrase", [None, b"correct horse"])
def test_a_key_is_read_as_it_was_written_by_its_owner_alone(tmp_path: Path, passphrase: bytes | None) -> None:
    key, path = SigningKey.generate(), tmp_path / "a.key"
    key.write(path, passphrase=passphrase)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert SigningKey.read(path, passphrase=passphrase).public == key.public
    assert (b"ENCRYPTED" in path.read_bytes()) == (passphrase is not None)


def test_a_key_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    SigningKey.generate().write(path, passphrase=None)
    before = path.read_bytes()
    with pytest.raises(EdgeletError, match="is there already"):
        SigningKey.generate().write(path, passphrase=None)
    assert path.read_bytes() == before


@pytest.mark.parametrize("passphrase", [None, b"wrong"])
def test_a_key_does_not_open_without_its_passphrase(tmp_path: Path, passphrase: bytes | None) -> None:
    path = tmp_path / "a.key"
    SigningKey.generate().write(path, passphrase=b"right")
    with pytest.raises(EdgeletError):
        SigningKey.read(path, passphrase=passphrase)


def test_what_is_no_key_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(EdgeletError, match="no-such"):
        SigningKey.read(tmp_path / "no-such", passphrase=None)
    path = tmp_path / "rsa.key"
    subprocess.run(
        ("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path),
        check=True,
        capture_output=True,
    )
    with pytest.raises(EdgeletError, match="not Ed25519"):
        SigningKey.read(path, passphrase=None)


def test_public_keys_are_those_that_openssl_writes(tmp_path: Path) -> None:
    key, private = SigningKey.generate(), tmp_path / "a.key"
    key.write(private, passphrase=None)
    public = subprocess.run(
        ("openssl", "pkey", "-in", private, "-pubout"), check=True, capture_output=True, text=True
    ).stdout
    assert public_keys.pem(key.public) == public
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / "a.pem").write_text(public)
    (folder / "README").write_text("not a key")
    assert public_keys.read_directory(folder) == {dsse.key_id(key.public): key.public}


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.txt", "", "holds no public key"),
        ("a.pem", "", "a.pem holds no public key"),
        ("a.pem", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "not Ed25519"),
        ("a.pem", "-----BEGIN PUBLIC KEY-----\nA\n-----END PUBLIC KEY-----\n", "not Ed25519"),
    ],
)
def test_a_directory_without_a_usable_key_is_refused(tmp_path: Path, name: str, content: str, why: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(EdgeletError, match=why):
        public_keys.read_directory(tmp_path)
    with pytest.raises(EdgeletError, match="cannot read the signing keys"):
        public_keys.read_directory(tmp_path / "absent")
