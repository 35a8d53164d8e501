"""Certificate and key, exchanged in one step: both paths lead through one symbolic link to a directory of a pair.

    node.crt -> pairs/current/node.crt      pairs/current  -> 3f0c...     the pair in use
    node.key -> pairs/current/node.key      pairs/previous -> 91ab...     the one before
                                            pairs/new/                    staged

Plain files are what one begins with; the first exchange makes them links, to the same content, before it changes
anything. Whenever the power goes, both paths lead to one working pair.
"""

from __future__ import annotations

import hashlib
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edgelet.adapters.host import durable_file
from edgelet.api.errors import BusError, StorageError

_CERTIFICATE, _KEY = "node.crt", "node.key"
_AUTHORITIES = "ca.crt"
_MOST_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class PairStore:
    """The files that the settings name. `authorities` None: the system's are trusted."""

    certificate: Path
    key: Path
    authorities: Path | None

    @property
    def stage(self) -> Path:
        """Where new things are made ready."""
        return self._pairs / "new"

    @property
    def staged_certificate(self) -> Path:
        return self.stage / _CERTIFICATE

    @property
    def staged_key(self) -> Path:
        return self.stage / _KEY

    @property
    def staged_authorities(self) -> Path:
        return self.stage / _AUTHORITIES

    @property
    def _pairs(self) -> Path:
        return self.certificate.parent / "pairs"

    def open_stage(self) -> None:
        """Make the directory for new things, for its owner only. Raises BusError."""
        try:
            for directory in (self._pairs, self.stage):
                directory.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise _fault(f"make {self.stage}", error) from error

    def install_pair(self) -> None:
        """Exchange the pair for the staged one. Repeat it after a crash if it is still staged.

        Raises:
            BusError: CertificateInvalid, the disk refuses; the present pair is as it was.
        """
        try:
            self._link()
            name = _name_of(self.staged_certificate)
            fresh = self._pairs / name
            (self.stage / _AUTHORITIES).unlink(missing_ok=True)
            durable_file.sync_directory(self.stage)
            shutil.rmtree(fresh, ignore_errors=True)
            self.stage.rename(fresh)
            _point(self._pairs / "previous", str((self._pairs / "current").readlink()))
            _point(self._pairs / "current", name)
            self._forget_others()
        except (OSError, StorageError) as error:
            raise _fault(f"install the new pair in {self._pairs}", error) from error

    def install_authorities(self) -> None:
        """Exchange the authorities for the staged ones; what was there before is kept as NAME.old. Raises BusError."""
        if self.authorities is None:
            raise BusError("CertificateInvalid", "cannot install new authorities: [mqtt] ca names no file")
        try:
            fresh = durable_file.read(self.staged_authorities, most_bytes=_MOST_BYTES)
            present = durable_file.read(self.authorities, most_bytes=_MOST_BYTES)
            durable_file.write(self.authorities.with_name(f"{self.authorities.name}.old"), present)
            durable_file.write(self.authorities, fresh)
            self.staged_authorities.unlink(missing_ok=True)
        except (OSError, StorageError) as error:
            raise _fault(f"install the new authorities as {self.authorities}", error) from error

    def _link(self) -> None:
        """Have both paths lead through `current`: first to what they are already."""
        wanted = {self.certificate: _CERTIFICATE, self.key: _KEY}
        targets = {path: self._pairs / "current" / name for path, name in wanted.items()}
        if all(_leads_to(path, target) for path, target in targets.items()):
            return
        name = _name_of(self.certificate)
        present = self._pairs / name
        present.mkdir(mode=0o700, exist_ok=True)
        for path, kept in wanted.items():
            durable_file.write(
                present / kept, durable_file.read(path, most_bytes=_MOST_BYTES), mode=durable_file.SECRET
            )
        _point(self._pairs / "current", name)
        for path, target in targets.items():
            if not _leads_to(path, target):
                _point(path, _said(path, target))

    def _forget_others(self) -> None:
        kept = {"new", "current", "previous"} | {str((self._pairs / one).readlink()) for one in ("current", "previous")}
        for one in self._pairs.iterdir():
            if one.name not in kept:
                shutil.rmtree(one, ignore_errors=True)


def _name_of(certificate: Path) -> str:
    return hashlib.sha256(durable_file.read(certificate, most_bytes=_MOST_BYTES)).hexdigest()[:16]


def _leads_to(path: Path, target: Path) -> bool:
    return path.is_symlink() and str(path.readlink()) == _said(path, target)


def _said(path: Path, target: Path) -> str:
    """Return what a link at `path` to `target` says: relative within one directory, so that this can be moved."""
    base = path.parent
    return str(target.relative_to(base)) if target.is_relative_to(base) else str(target)


def _point(link: Path, target: str) -> None:
    """Have a symbolic link lead elsewhere, in one step that survives a power cut. Raises OSError."""
    fresh = link.with_name(f".{link.name}.link")
    with suppress(FileNotFoundError):
        fresh.unlink()
    fresh.symlink_to(target)
    fresh.replace(link)
    durable_file.sync_directory(link.parent)


def _fault(what: str, error: Exception) -> BusError:
    words = getattr(error, "strerror", None) or getattr(error, "message", None) or error
    return BusError("CertificateInvalid", f"cannot {what}: {words}")
