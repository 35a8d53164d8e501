"""The node's own key: made once, kept outside of the database, changed without a moment in which nothing opens.

A change leaves `<file>.next` until everything is sealed under it, and `<file>.old` until that is destroyed. Whoever
opens the keys in between goes on from there: the next key seals, all of them open. A file that holds no key is set
aside as `<file>.unusable`, and never takes the place of one that does. One that cannot be read may hold a key that is
needed: it is left where it lies or set aside, never destroyed, and the others are used without it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from edgelet.adapters.host import durable_file
from edgelet.adapters.sealing import key_file
from edgelet.api.errors import EdgeletError
from edgelet.ports.sealing import UnreadableError

log = logging.getLogger(__name__)

CREDENTIAL_NAME = "edgelet.node-key"
OLD_CREDENTIAL_NAME = "edgelet.node-key-old"
_KEY_BYTES = 32
_NONCE_BYTES = 12  # random: far below 2**32 seals under one key, the bound of NIST SP 800-38D
_ID_DIGITS = 16
_HEADER = "edgelet-node-key-1 "
_WORDS = b"edgelet-node-key"


@dataclass(frozen=True, slots=True)
class NodeKey:
    """One AES-256 key. `path` is the file it came from; None for a credential, which is systemd's."""

    secret: bytes = field(repr=False)
    path: Path | None = None

    @property
    def id(self) -> str:
        """The key's short name, which gives nothing of it away."""
        return hashlib.sha256(b"edgelet node key id\0" + self.secret).hexdigest()[:_ID_DIGITS]


class NodeKeys:
    """ports.sealing.AtRest. One key seals, all of them open."""

    def __init__(
        self, path: Path | None, current: NodeKey | None, older: tuple[NodeKey, ...] = (), *, trouble: str = ""
    ) -> None:
        """`path`: where the key lies, None for a credential. `trouble`: why there is none, for people."""
        self.trouble = trouble
        self.set_aside: tuple[Path, ...] = ()
        self.passed_over: tuple[str, ...] = ()  # files beside the key that cannot be read, for people
        self._path = path
        self._current = current
        self._older = older
        self._files = {key.path for key in older if key.path is not None}  # that were read: no other is destroyed
        self._ciphers: dict[str, Any] = {}

    @classmethod
    def of_file(cls, path: Path, *, default: Path, make: bool = True) -> NodeKeys:
        """Read the key file, make it where there is none. Where the disk refuses, the board goes on without.

        Args:
            path: The file.
            default: Where the key lies without a setting; what is there still opens, so that it can be moved.
            make: Whether a missing key is made.
        """
        aside: list[Path] = []
        passed_over: list[str] = []
        following = _read_beside(_next(path), passed_over, aside=aside)
        trouble = ""
        try:
            current = following or _read(path, aside=aside)
            if current is None and make:
                key_file.write(path, _text(os.urandom(_KEY_BYTES)))
                current = _read(path)
        except OSError as error:
            current, trouble = None, f"the node key in {path} cannot be read or made: {_words(error, path)}"
        others = (path, _old(path), *(() if default == path else (default,)))
        older = tuple(found for other in others if (found := _read_beside(other, passed_over)) is not None)
        made = cls(path, current, _without(older, current), trouble=trouble)
        made.set_aside, made.passed_over = tuple(aside), tuple(passed_over)
        made._files = {key.path for key in (current, *older) if key is not None and key.path is not None}
        if _holds_no_key(_old(path)):  # its destruction was cut off
            made._files.add(_old(path))
        return made

    @classmethod
    def of_credentials(cls, directory: Path | None, *, default: Path) -> NodeKeys:
        """Read what systemd decrypted for this service; without it nothing can be kept and nothing is made."""
        passed_over: list[str] = []
        try:
            current = _read(directory / CREDENTIAL_NAME, credential=True) if directory else None
            old = _read(directory / OLD_CREDENTIAL_NAME, credential=True) if directory else None
        except OSError as error:
            return cls(None, None, trouble=f"the credential of the node key cannot be read: {error.strerror}")
        older = tuple(found for found in (old, _read_beside(default, passed_over)) if found is not None)
        trouble = "" if current else f"there is no credential {CREDENTIAL_NAME}, which would be the node key"
        made = cls(None, current, _without(older, current), trouble=trouble)
        made.passed_over = tuple(passed_over)
        return made

    @property
    def key(self) -> str:
        """The id of the key that seals, "" where there is none."""
        return self._current.id if self._current else ""

    @property
    def unsettled(self) -> bool:
        """Whether files of other keys lie there, which are to go once nothing is sealed under them."""
        return any(key.path is not None for key in self._older) or self._changing

    @property
    def _changing(self) -> bool:
        """Whether the key that seals is one that has yet to take its place."""
        return bool(self._path and self._current and self._current.path == _next(self._path))

    def seal(self, content: bytes, *, about: bytes) -> tuple[str, bytes]:
        """Return the key's id, and nonce, ciphertext and tag. Raises UnreadableError where there is no key."""
        current = self._current
        if current is None:
            raise UnreadableError("there is no node key")
        nonce = os.urandom(_NONCE_BYTES)
        sealed: bytes = self._cipher(current).encrypt(nonce, content, about)
        return current.id, nonce + sealed

    def open(self, sealed: bytes, *, key: str, about: bytes) -> bytes:
        """Return the content. Raises UnreadableError."""
        for known in (self._current, *self._older):
            if known is not None and known.id == key:
                return self._open(sealed, known, about=about)
        have = f"the key here is {self.key}" if self.key else "there is none here"
        raise UnreadableError(f"it is sealed under node key {key}, and {have}")

    def begin(self) -> None:
        """Make the next key and seal with it from now on; safe to call again.

        Raises:
            EdgeletError: MethodNotAllowed for a credential; CannotPrepare where the disk refuses.
        """
        if self._path is None:
            raise EdgeletError(
                "MethodNotAllowed",
                f"cannot make a new node key: it is a credential; encrypt a new one as {CREDENTIAL_NAME} with "
                f"systemd-creds, give the present one as {OLD_CREDENTIAL_NAME}, and restart the agent",
            )
        if self._changing:
            return  # an earlier change was cut off, and this key seals already
        if self._current is None and self.trouble:  # what is sealed under the key that cannot be read would be lost
            raise EdgeletError("CannotPrepare", f"cannot make a new node key: {self.trouble}")
        aside: list[Path] = []
        try:
            following = _read(_next(self._path), aside=aside)
            if following is None or following.id == self.key:
                key_file.write(_next(self._path), _text(os.urandom(_KEY_BYTES)))
                following = _read(_next(self._path))
        except OSError as error:
            why = _words(error, _next(self._path))
            raise EdgeletError("CannotPrepare", f"cannot make a new node key in {_next(self._path)}: {why}") from error
        finally:
            self.set_aside += tuple(aside)
        before = (self._current,) if self._current else ()
        self._older, self._current = _without((*before, *self._older), following), following

    def settle(self) -> None:
        """Destroy all keys but the one that seals: nothing that can be read is sealed under them. Raises OSError."""
        if self._current is None:
            return
        known = set(self._files)
        if self._path is not None and self._changing:
            self._hold_next(self._path)
            if self._path in known:
                if _old(self._path) not in known:
                    self._put_by(_old(self._path))
                self._path.rename(_old(self._path))
                known.add(_old(self._path))
            else:
                self._put_by(self._path)
            _next(self._path).rename(self._path)
            durable_file.sync_directory(self._path.parent)
            self._current = replace(self._current, path=self._path)
        for path in known:
            if path not in {self._path, self._current.path}:
                key_file.erase(path)
        self._files = {path for path in (self._path,) if path is not None}
        self._older = ()
        self._ciphers = {self.key: cipher} if (cipher := self._ciphers.get(self.key)) else {}

    def _put_by(self, path: Path) -> None:
        """Set aside what lies there and was not read: it may hold a key. Raises OSError."""
        if os.path.lexists(path):
            self.set_aside += (key_file.put_by(path),)

    def _hold_next(self, path: Path) -> None:
        """Have the file that becomes the key file hold the key that seals, whatever happened to it. Raises OSError."""
        if self._current is None:
            return
        found = _read(_next(path))
        if found is None or found.id != self.key:
            key_file.write(_next(path), _text(self._current.secret))

    def _open(self, sealed: bytes, key: NodeKey, *, about: bytes) -> bytes:
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415  6 MB, where a Secret is

        try:
            content: bytes = self._cipher(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about)
        except (InvalidTag, ValueError) as error:
            raise UnreadableError("what is stored was changed, or belongs to another object") from error
        return content

    def _cipher(self, key: NodeKey) -> Any:
        cipher = self._ciphers.get(key.id)
        if cipher is None:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415  6 MB, where a Secret is

            cipher = self._ciphers[key.id] = AESGCM(key.secret)
        return cipher


def _next(path: Path) -> Path:
    return path.with_name(path.name + ".next")


def _old(path: Path) -> Path:
    return path.with_name(path.name + ".old")


def _text(secret: bytes) -> bytes:
    return f"{_HEADER}{base64.b64encode(secret).decode()}\n".encode()


def _read(path: Path, *, credential: bool = False, aside: list[Path] | None = None) -> NodeKey | None:
    """Return the key of a file. What is no key is told, and with `aside` kept under another name. Raises OSError."""
    content = key_file.read(path)
    if content is None:
        return None
    secret = _secret_of(content)
    if secret is not None:
        return NodeKey(secret, None if credential else path)
    log.error("this is no node key", extra={"path": str(path), "reason": "NodeKeyUnusable"})
    if aside is not None:
        aside.append(key_file.set_aside(path))
    return None


def _read_beside(path: Path, passed_over: list[str], *, aside: list[Path] | None = None) -> NodeKey | None:
    """Return the key of a file without which the board goes on: what cannot be read is told and let be.

    Not set aside: a directory, or a file that the disk does not give out now, may hold what is somebody's.
    """
    try:
        return _read(path, aside=aside)
    except OSError as error:
        trouble = f"the node key in {path} cannot be read: {_words(error, path)}"
        log.error(trouble, extra={"reason": "NodeKeyUnusable"})  # noqa: TRY400  its words are all that is known
        passed_over.append(trouble)
        return None


def _words(error: OSError, path: Path) -> str:
    """Return what the system says, with the file where that is another one than `path`."""
    name = error.filename
    return f"{name}: {error.strerror}" if name and str(name) != str(path) else str(error.strerror)


def _holds_no_key(path: Path) -> bool:
    """Whether the file is there and can be read, and is no key."""
    try:
        content = key_file.read(path)
    except OSError:
        return False
    return content is not None and _secret_of(content) is None


def _secret_of(content: bytes) -> bytes | None:
    """Return 32 bytes: as they are, or as the text that we write.

    A file that was cut off within that text is no key, nor is one byte 32 times: what a disk makes of a lost block.
    """
    if not content.startswith(_WORDS):
        return content if _is_secret(content) else None
    header, text = content[: len(_HEADER)], content[len(_HEADER) :].strip()
    try:
        secret = base64.b64decode(text, validate=True) if header == _HEADER.encode() else b""
    except binascii.Error:
        return None
    return secret if _is_secret(secret) else None


def _is_secret(content: bytes) -> bool:
    return len(content) == _KEY_BYTES and len(set(content)) > 1


def _without(keys: tuple[NodeKey, ...], current: NodeKey | None) -> tuple[NodeKey, ...]:
    def others() -> Iterator[NodeKey]:
        seen = {current.id} if current else set()
        for key in keys:
            if key.id not in seen:
                seen.add(key.id)
                yield key

    return tuple(others())
