"""A node's opener of SealedSecrets, without its files and threads; the cryptography is the real one."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from edgelet.adapters.sealing import hpke
from edgelet.api import sealed_secret
from edgelet.api.sealed_secret import SealedSecret
from edgelet.ports.sealing import UnreadableError

NODE = "default/board"
# An X25519 key of RFC 9180's test vectors: it is nobody's.
PRIVATE = bytes.fromhex("497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d")
PUBLIC = bytes.fromhex("430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c")


class FakeOpener:
    """ports.sealing.Opener with one key."""

    async def open(self, sealed: SealedSecret) -> bytes:
        if sealed.node != NODE:
            raise UnreadableError(f"it is sealed for node {sealed.node[:200]}, this is {NODE}")
        return hpke.unseal(sealed.sealed, private=PRIVATE, info=sealed.info)


def around(content: bytes, *, namespace: str = "default", name: str = "db") -> dict[str, Any]:
    """A SealedSecret that opens, around bytes that need be no Secret at all."""
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    key = X25519PublicKey.from_public_bytes(PUBLIC)
    sealed = suite.encrypt(content, key, sealed_secret.info(NODE, namespace, name))
    return sealed_secret.document(SealedSecret(namespace, name, NODE, sealed_secret.key_id(PUBLIC), sealed))
