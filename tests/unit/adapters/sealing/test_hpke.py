from __future__ import annotations

import base64
import hmac
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from edgelet.adapters.sealing import hpke
from edgelet.api import sealed_secret
from edgelet.ports.sealing import UnreadableError

# Source: RFC 9180's test vectors (CFRG test-vectors.json), mode 0, KEM 0x0020, KDF 0x0001, AEAD 0x0002, sequence 0.
INFO = bytes.fromhex("4f6465206f6e2061204772656369616e2055726e")
SK_R = bytes.fromhex("497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d")
PK_R = bytes.fromhex("430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c")
ENC = bytes.fromhex("6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256")
KEY = bytes.fromhex("f50b0609186798729ed0564b36ef2ef8044f1f9d05636874d1f46c819c7a669f")
NONCE = bytes.fromhex("151d9929e2449747889bc923")
AAD = bytes.fromhex("436f756e742d30")
TEXT = bytes.fromhex("4265617574792069732074727574682c20747275746820626561757479")
SEALED = bytes.fromhex("e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be9931980a41de125a925cdad859d5b7a")

SECRET: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "db", "namespace": "shop"},
    "stringData": {"password": "correct horse"},
}


def extract(suite: bytes, salt: bytes, label: bytes, secret: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + secret, "sha256")


def expand(suite: bytes, key: bytes, label: bytes, info: bytes, length: int) -> bytes:
    text, block, found = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, b"", b""
    for number in range(1, 4):
        block = hmac.digest(key, block + text + bytes([number]), "sha256")
        found += block
    return found[:length]


def key_and_nonce(private: bytes, enc: bytes, info: bytes) -> tuple[bytes, bytes]:
    """RFC 9180 by the letter (4.1 Decap, 5.1 KeySchedule), so that the library's form is held against the standard."""
    own = X25519PrivateKey.from_private_bytes(private)
    shared = own.exchange(X25519PublicKey.from_public_bytes(enc))
    kem, suite = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x02"
    prk = extract(kem, b"", b"eae_prk", shared)
    secret = expand(kem, prk, b"shared_secret", enc + own.public_key().public_bytes_raw(), 32)
    context = b"\0" + extract(suite, b"", b"psk_id_hash", b"") + extract(suite, b"", b"info_hash", info)
    schedule = extract(suite, secret, b"secret", b"")
    return expand(suite, schedule, b"key", context, 32), expand(suite, schedule, b"base_nonce", context, 12)


def test_the_reading_of_the_standard_is_that_of_its_vectors() -> None:
    assert X25519PrivateKey.from_private_bytes(SK_R).public_key().public_bytes_raw() == PK_R
    assert key_and_nonce(SK_R, ENC, INFO) == (KEY, NONCE)
    assert AESGCM(KEY).decrypt(NONCE, SEALED, AAD) == TEXT


def test_what_is_sealed_opens_by_the_standard() -> None:
    made = hpke.seal(SECRET, node="acme/pi", namespace="shop", key=PK_R)
    enc, ciphertext = made.sealed[:32], made.sealed[32:]
    key, nonce = key_and_nonce(SK_R, enc, sealed_secret.info("acme/pi", "shop", "db"))
    assert b"correct horse" in AESGCM(key).decrypt(nonce, ciphertext, b"")


def test_what_is_sealed_by_the_standard_opens() -> None:
    ephemeral = X25519PrivateKey.generate()
    enc = ephemeral.public_key().public_bytes_raw()
    key, nonce = key_and_nonce(SK_R, enc, b"somewhere")
    sealed = enc + AESGCM(key).encrypt(nonce, b"text", b"")
    assert hpke.unseal(sealed, private=SK_R, info=b"somewhere") == b"text"


@pytest.mark.parametrize("place", [("acme/pj", "shop", "db"), ("acme/pi", "shed", "db"), ("acme/pi", "shop", "dc")])
def test_a_seal_opens_for_no_other_node_namespace_or_name(place: tuple[str, str, str]) -> None:
    made = hpke.seal(SECRET, node="acme/pi", namespace="shop", key=PK_R)
    with pytest.raises(UnreadableError, match="another node, namespace or name"):
        hpke.unseal(made.sealed, private=SK_R, info=sealed_secret.info(*place))


def test_no_bit_can_be_changed() -> None:
    made = hpke.seal(SECRET, node="acme/pi", namespace="shop", key=PK_R)
    for index in range(0, len(made.sealed), 7):
        changed = bytearray(made.sealed)
        changed[index] ^= 1
        with pytest.raises(UnreadableError):
            hpke.unseal(bytes(changed), private=SK_R, info=made.info)


@pytest.mark.parametrize("sealed", [b"", bytes(32), bytes(48), bytes(100)])
def test_what_is_no_seal_is_refused_as_one_that_does_not_open(sealed: bytes) -> None:
    with pytest.raises(UnreadableError):
        hpke.unseal(sealed, private=SK_R, info=b"")


def test_sealing_twice_gives_nothing_that_is_alike() -> None:
    first, second = (hpke.seal(SECRET, node="acme/pi", namespace="shop", key=PK_R).sealed for _ in range(2))
    assert first[:32] != second[:32]
    assert first[32:] != second[32:]


def test_a_new_key_is_made_in_another_process_and_fits_together() -> None:
    pair = hpke.new_key()
    assert X25519PrivateKey.from_private_bytes(pair.private).public_key().public_bytes_raw() == pair.public
    assert pair.private.hex() not in repr(pair)


@pytest.mark.parametrize(("text", "why"), [("!", "no base64"), (base64.b64encode(bytes(31)).decode(), "32 bytes")])
def test_a_public_key_that_is_none_is_told(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        hpke.public_key(text)
