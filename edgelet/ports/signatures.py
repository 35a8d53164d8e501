"""Whether a signature holds."""

from __future__ import annotations

from typing import Protocol


class SignatureVerifier(Protocol):
    """Ed25519. What it costs in memory is paid by the first call."""

    def verify(self, public_key: bytes, signature: bytes, message: bytes) -> bool:
        """Tell whether the signature of the message is by the raw public key; False for keys that are none, too."""
        ...
