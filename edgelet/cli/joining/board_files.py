"""What joining leaves on the board: key, certificate, authorities, settings. All of it is taken up, or nothing.

Everything is made ready in a directory beside; renaming that directory is the moment at which it counts. From then on
the rest is moving files to their places, which whoever comes next can do again from the middle.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from edgelet.adapters.host import durable_file
from edgelet.adapters.identity import revoked_file
from edgelet.adapters.x509 import keys
from edgelet.api.errors import ConflictError, StorageError
from edgelet.config import edit
from edgelet.config.edit import Changes

CERTIFICATE, KEY, AUTHORITIES, PASSWORD = "node.crt", "node.key", "ca.crt", "join-password"
REVOKED = revoked_file.beside(Path(AUTHORITIES)).name
_IN_ORDER = (AUTHORITIES, REVOKED, PASSWORD, KEY, CERTIFICATE)
_TOKEN, _SETTINGS, _JOINED = "token", "settings.json", "joined"
_RENEWAL = "pairs/new"  # a pair that the agent was about to exchange: it belongs to what this board was before
_MOST_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Joined:
    """With which token this board joined, and as whom."""

    token: str
    node: str

    def __str__(self) -> str:
        return f"{self.token} {self.node}\n"


class BoardFiles:
    """The board's directory for keys, usually /etc/edgelet/pki, and its settings."""

    def __init__(self, directory: Path, settings: Path) -> None:
        self.directory = directory
        self.settings = settings
        self._making = directory / ".join"
        self._ready = directory / ".join-ready"
        self._done = directory / ".join-done"

    def joined(self) -> Joined | None:
        """Who this board became by joining; None where it has not joined."""
        return _read_joined(self.directory / _JOINED)

    @property
    def is_unfinished(self) -> bool:
        """Whether an answer is here that was not put in place: the power went in the moment between."""
        return (self._ready / _TOKEN).exists()

    def key_for(self, joined: Joined) -> keys.PrivateKey:
        """The key to ask with: made once for a token, and found again after a power cut.

        Raises:
            StorageError: The file system refuses.
        """
        _translated_mkdir(self.directory)
        if _read_joined(self._making / _TOKEN) != joined:
            shutil.rmtree(self._making, ignore_errors=True)
            _translated_mkdir(self._making)
            durable_file.write(self._making / _TOKEN, str(joined).encode())
        path = self._making / KEY
        if not path.exists():
            keys.save(path, keys.generate())
        return keys.load(path)

    def keep_roots(self, pem: bytes) -> Path:
        """Store what the broker of the join listener is checked against; returns where."""
        path = self._making / "roots.crt"
        durable_file.write(path, pem)
        return path

    def make_ready(
        self, *, certificate: bytes, authorities: bytes, revoked: bytes, password: str, changes: Changes
    ) -> None:
        """Store the answer; from the return on it counts. `finish` puts it in place."""
        settings = json.dumps(changes).encode()
        parts = {CERTIFICATE: certificate, AUTHORITIES: authorities, REVOKED: revoked, _SETTINGS: settings}
        for name, data in parts.items():
            durable_file.write(self._making / name, data)
        durable_file.write(self._making / PASSWORD, password.encode() + b"\n", mode=durable_file.SECRET)
        self._rename(self._making, self._ready)

    def check_settings(self, changes: Changes) -> None:
        """Raise ConflictError where the settings could not be changed, before anything is asked for."""
        self._changed_settings(changes)

    def finish(self) -> Joined | None:
        """Put in place what is ready; None where nothing is. Doing it again from the middle comes to the same.

        Raises:
            StorageError: The file system refuses.
            ConflictError: The settings cannot be changed.
        """
        shutil.rmtree(self._done, ignore_errors=True)
        joined = _read_joined(self._ready / _TOKEN)
        if joined is None:
            return None
        changes: Changes = json.loads(durable_file.read(self._ready / _SETTINGS, most_bytes=_MOST_BYTES))
        text = self._changed_settings(changes)
        for name in _IN_ORDER:
            if (self._ready / name).exists():
                self._rename(self._ready / name, self.directory / name)
        mode = self.settings.stat().st_mode & 0o777 if self.settings.exists() else durable_file.PUBLIC
        durable_file.write(self.settings, text.encode(), mode=mode)
        shutil.rmtree(self.directory / _RENEWAL, ignore_errors=True)
        durable_file.write(self.directory / _JOINED, str(joined).encode())
        self._rename(self._ready, self._done)
        shutil.rmtree(self._done, ignore_errors=True)
        return joined

    def _changed_settings(self, changes: Changes) -> str:
        there = self.settings.exists()
        try:
            text = durable_file.read(self.settings, most_bytes=_MOST_BYTES).decode() if there else ""
        except UnicodeDecodeError as error:
            raise ConflictError(f"cannot change {self.settings}: it is no UTF-8") from error
        return edit.changed(text, changes, name=str(self.settings))

    def _rename(self, source: Path, target: Path) -> None:
        try:
            source.rename(target)
            durable_file.sync_directory(self.directory)
        except OSError as error:
            raise StorageError(f"cannot write {target}: {error.strerror or error}", retry_after=None) from error


def _translated_mkdir(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot make {directory}: {error.strerror or error}", retry_after=None) from error


def _read_joined(path: Path) -> Joined | None:
    try:
        token, node = durable_file.read(path, most_bytes=1024).decode("ascii", "replace").split()
    except (StorageError, ValueError):
        return None
    return Joined(token, node)
