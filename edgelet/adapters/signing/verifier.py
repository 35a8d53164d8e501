"""Whether a signature holds: ports.signatures by `cryptography`."""

from __future__ import annotations


class Ed25519Verifier:
    """ports.signatures.SignatureVerifier."""

    def verify(self, public_key: bytes, signature: bytes, message: bytes) -> bool:
        """Tell whether the signature holds."""
        # Some megabytes that a board without signed state does without.
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

        try:
            Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True
