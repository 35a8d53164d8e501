"""Public keys as files: PEM, read without the library, since their form is fixed."""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path

from edgelet.api import dsse
from edgelet.api.errors import EdgeletError

_SUFFIX = ".pem"
_MAX_FILE_BYTES = 16 * 1024
_MAX_FILES = 64
_BLOCK = re.compile(rb"-----BEGIN PUBLIC KEY-----\s([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----")
# SubjectPublicKeyInfo of id-Ed25519: what stands before the 32 bytes. Source: RFC 8410, 4 and 10.1.
_PREFIX = bytes.fromhex("302a300506032b6570032100")


def read_directory(directory: Path) -> dict[str, bytes]:
    """Return the raw keys of all *.pem files of a directory, by their id.

    Raises:
        EdgeletError: InvalidSigningKeys: no directory, no key in it, or a file that holds none.
    """
    try:
        files = sorted(path for path in directory.iterdir() if path.suffix == _SUFFIX)[: _MAX_FILES + 1]
        if len(files) > _MAX_FILES:
            raise _bad(f"{directory} holds more than {_MAX_FILES} keys")
        keys = [key for path in files for key in parse(_read(path), name=str(path))]
    except OSError as error:
        raise _bad(f"cannot read the signing keys in {directory}: {error.strerror}") from error
    if not keys:
        raise _bad(f"{directory} holds no public key (*{_SUFFIX}): nothing could be believed")
    return {dsse.key_id(key): key for key in keys}


def parse(data: bytes, *, name: str) -> list[bytes]:
    """Return the raw keys of a PEM file; `name` is for the message. Raises EdgeletError."""
    keys = []
    for block in _BLOCK.findall(data):
        try:
            encoded = base64.b64decode(b"".join(block.split()), validate=True)
        except binascii.Error:
            encoded = b""
        if not encoded.startswith(_PREFIX) or len(encoded) != len(_PREFIX) + dsse.PUBLIC_KEY_BYTES:
            raise _bad(f"{name} holds a public key that is not Ed25519")
        keys.append(encoded[len(_PREFIX) :])
    if not keys:
        raise _bad(f"{name} holds no public key; `edgelet sign public` writes one")
    return keys


def pem(key: bytes) -> str:
    """Return a raw key as PEM, as OpenSSL writes it."""
    text = base64.b64encode(_PREFIX + key).decode()
    return f"-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n"


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MAX_FILE_BYTES)


def _bad(why: str) -> EdgeletError:
    return EdgeletError("InvalidSigningKeys", why)
