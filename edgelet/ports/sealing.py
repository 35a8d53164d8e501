"""Secrets that are not to be read: kept under the node's own key, and opened where they come sealed for this node."""

from __future__ import annotations

from typing import Protocol

from edgelet.api.sealed_secret import SealedSecret


class UnreadableError(ValueError):
    """Something sealed that cannot be opened: its key is not here, or it was changed. Tells people why."""


class AtRest(Protocol):
    """Seals bytes under the node's key. Blocking, microseconds; used by any thread."""

    @property
    def key(self) -> str:
        """The id of the key that seals; "" where there is none, and nothing can be kept."""
        ...

    def seal(self, content: bytes, *, about: bytes) -> tuple[str, bytes]:
        """Return the key's id and the content sealed under it, never the same twice; `about` is bound and not kept.

        Raises UnreadableError where there is no key.
        """
        ...

    def open(self, sealed: bytes, *, key: str, about: bytes) -> bytes:
        """Return the content. Raises UnreadableError."""
        ...


class Opener(Protocol):
    """Opens Secrets that were sealed for this node."""

    async def open(self, sealed: SealedSecret) -> bytes:
        """Return the Secret as JSON bytes. Raises UnreadableError."""
        ...


class SecretKeys(Protocol):
    """The keys of this node, as operators see and change them."""

    def describe(self) -> dict[str, object]:
        """Return what may be told: node, publicKey, sealingKey and nodeKey (ids), unreadable (a number)."""
        ...

    async def rotate_node_key(self) -> None:
        """Keep everything under a new key, then destroy the old one. Raises EdgeletError."""
        ...

    async def rotate_sealing_key(self) -> None:
        """Publish a new public key; older private keys go on opening what was sealed for them. Raises EdgeletError."""
        ...
