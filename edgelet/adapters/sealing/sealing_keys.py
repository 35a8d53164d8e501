"""The keys that Secrets are sealed for: the newest is published, a few older ones still open what was sealed before.

They lie in a file of their own, so that a lost database does not lose them. It is sealed under the node key where that
is a credential; beside a node key in a file this would protect nothing, and lose both with one of them.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import subprocess
from pathlib import Path
from typing import Any

from edgelet.adapters.sealing import hpke, key_file
from edgelet.adapters.sealing.hpke import KeyPair
from edgelet.adapters.sealing.node_keys import NodeKeys
from edgelet.api.errors import EdgeletError
from edgelet.api.sealed_secret import PUBLIC_KEY_BYTES, SealedSecret
from edgelet.ports.sealing import UnreadableError

log = logging.getLogger(__name__)

_ABOUT = b"edgelet sealing keys"


class SealingKeys:
    """ports.sealing.Opener."""

    def __init__(self, path: Path, keys: tuple[KeyPair, ...], *, node: str, kept: int, under: NodeKeys | None) -> None:
        self._path = path
        self._keys = keys
        self._node = node
        self._kept = kept
        self._under = under
        self.trouble = ""
        self.set_aside: tuple[Path, ...] = ()

    @classmethod
    def load(cls, path: Path, *, node: str, kept: int, node_keys: NodeKeys, protect: bool) -> SealingKeys:
        """Read the keys, and make the first one where there is none. Blocking.

        A board whose keys cannot be read or kept goes on without; `trouble` says why.

        Args:
            path: Where they lie.
            node: TENANT/NAME, what seals are bound to.
            kept: How many keys open.
            node_keys: What the file may be sealed under.
            protect: Whether it is to be; else it is in clear, 0600.
        """
        made = cls(path, (), node=node, kept=kept, under=node_keys if protect else None)
        try:
            content = key_file.read(path)
            found = None if content is None else _parsed(content, node_keys)
            if content is not None and found is None:
                log.error("these are no sealing keys", extra={"path": str(path), "reason": "SealingKeysUnusable"})
                made.set_aside = (key_file.set_aside(path),)
            if found is not None:
                made._keys, sealed_under = found[0][:kept], found[1]
                if sealed_under != (node_keys.key if protect else ""):
                    made._write(made._keys)
            else:
                made._write((hpke.new_key(),))
        except UnreadableError as error:
            made.trouble = f"the sealing keys in {path} cannot be read: {error}"
        except (OSError, subprocess.SubprocessError) as error:
            made.trouble = f"no sealing key can be kept in {path}: {error}"
        if made.trouble:
            log.error(made.trouble, extra={"reason": "SealingKeysUnusable"})
        return made

    @property
    def public_key(self) -> bytes:
        """What to seal for; empty where there is no key."""
        return self._keys[0].public if self._keys else b""

    @property
    def ids(self) -> tuple[str, ...]:
        """The names of all keys that open, the newest first."""
        return tuple(key.id for key in self._keys)

    async def open(self, sealed: SealedSecret) -> bytes:
        """Return the Secret as JSON bytes. Raises UnreadableError."""
        if sealed.node != self._node:
            raise UnreadableError(f"it is sealed for node {sealed.node[:200]}, this is {self._node}")
        key = next((key for key in self._keys if key.id == sealed.key), None)
        if key is None:
            now = self._keys[0].id if self._keys else "none"
            raise UnreadableError(f"it is sealed for key {sealed.key[:32]}; this node's key is {now}: seal it anew")
        # In a thread: the first one loads the library, which takes a second on a small board.
        return await asyncio.to_thread(hpke.unseal, sealed.sealed, private=key.private, info=sealed.info)

    def rotate(self) -> None:
        """Make a new key; the oldest goes. Blocking. Raises EdgeletError with nothing changed.

        A file whose keys could not be read is set aside: the node key that opens it may come back.
        """
        try:
            if not self._keys and os.path.lexists(self._path):
                self.set_aside += (key_file.set_aside(self._path),)
            self._write((hpke.new_key(), *self._keys)[: self._kept])
        except (OSError, subprocess.SubprocessError, UnreadableError) as error:
            raise EdgeletError("CannotPrepare", f"cannot make a new sealing key: {error}") from error
        self.trouble = ""

    def _write(self, keys: tuple[KeyPair, ...]) -> None:
        text = json.dumps([{"private": _b64(key.private), "public": _b64(key.public)} for key in keys]).encode()
        if self._under is None:
            whole: dict[str, Any] = {"v": 1, "keys": json.loads(text)}
        else:
            node_key, sealed = self._under.seal(text, about=_ABOUT)
            whole = {"v": 1, "nodeKey": node_key, "sealed": _b64(sealed)}
        key_file.write(self._path, json.dumps(whole).encode())
        self._keys = keys


def _parsed(content: bytes, node_keys: NodeKeys) -> tuple[tuple[KeyPair, ...], str] | None:
    """Return the keys, and the id of the node key they are sealed under; None where the file is damaged.

    Raises:
        UnreadableError: The node key that opens them is not here; it may come back.
    """
    try:
        whole = json.loads(content)
        found, under = whole.get("keys"), ""
        if found is None:
            under = whole["nodeKey"]
            found = json.loads(node_keys.open(_raw(whole["sealed"]), key=under, about=_ABOUT))
        keys = tuple(KeyPair(_raw(one["private"]), _raw(one["public"])) for one in found)
    except UnreadableError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    whole_keys = all(len(part) == PUBLIC_KEY_BYTES for key in keys for part in (key.private, key.public))
    return (keys, under) if keys and whole_keys else None


def _raw(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _b64(content: bytes) -> str:
    return base64.b64encode(content).decode()
