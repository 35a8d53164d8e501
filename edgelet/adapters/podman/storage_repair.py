"""Podman's storage after a power cut on a bad card: lists that were cut and layers without files, put in order.

What is left afterwards is consistent, and what a registry has is pulled again by the pods that need it. Only a storage
that is wholly ours is touched, under the storage's own locks, so that an engine that runs meanwhile sees it.

Source: containers/storage lockfile.go: POSIX record locks on *.lock, whose content tells who wrote last.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgelet.adapters.podman import storage_files
from edgelet.adapters.podman.monitors import monitors
from edgelet.adapters.podman.storage_files import Entry, Listing, Repair, Storage
from edgelet.api.errors import EngineError

log = logging.getLogger(__name__)

_ID = 64  # letters of every id
_LOCK_S = 10.0
_LOCK_PAUSE_S = 0.05
_WRITER_BYTES = 32  # that many in hexadecimal
_KINDS = ("layers", "images", "containers")  # in the order in which the storage locks them


@dataclass(frozen=True, slots=True)
class OwnStorage:
    """A storage that nobody but this agent uses."""

    root: Path
    run_root: Path

    def mend(self) -> str:
        """Put it in order; return for people what was done, "" where nothing was wrong. Blocking.

        Raises:
            EngineError: EngineUnavailable: it is damaged and cannot be repaired now.
        """
        try:
            if not (self.root / "overlay").is_dir() or not storage_files.plan(_read(self.root)):
                return ""  # another driver's files are not known here
            with _locked(self.root) as locks:
                repair = storage_files.plan(_read(self.root, live=_live(self.root)))
                if repair:
                    self._carry_out(repair, locks)
        except OSError as error:
            raise EngineError("EngineUnavailable", f"cannot repair Podman's storage in {self.root}: {error}") from error
        if not repair:
            return ""
        log.error("Podman's storage is damaged", extra={"reason": "EngineDamaged", "error": _words(repair)})
        return _words(repair)

    def broken_images(self) -> frozenset[str]:
        """Return the ids of images that have to go together, as their layers are gone; none where none can be told."""
        try:
            return storage_files.plan(_read(self.root)).images if (self.root / "overlay").is_dir() else frozenset()
        except OSError:
            return frozenset()

    def _carry_out(self, repair: Repair, locks: Mapping[str, int]) -> None:
        """Write the lists anew first: what is cut short by the next power cut is only more directories to remove."""
        root = self.root
        going = {"layers": repair.layers, "images": repair.images, "containers": repair.containers}
        kept = {kind: [each for each in _list(root, kind).entries if each["id"] not in going[kind]] for kind in _KINDS}
        for kind in _KINDS:
            if going[kind] or kind in repair.rewritten:
                _replace(_path(root, kind), kept[kind])
                os.pwrite(locks[kind], secrets.token_hex(_WRITER_BYTES).encode(), 0)  # an engine that runs reads anew
        ids = {kind: frozenset(str(each["id"]) for each in kept[kind]) | _volatile(root, kind).ids for kind in _KINDS}
        live = _live(root)
        if "images" in repair.rewritten:
            going["images"] |= _named(root / "overlay-images") - ids["images"]
        if "containers" in repair.rewritten:
            going["containers"] |= _named(root / "overlay-containers") - ids["containers"] - live
        if "layers" in repair.rewritten and live <= ids["containers"]:
            going["layers"] |= _named(root / "overlay") - ids["layers"]
        for image in going["images"]:
            _remove(root / "overlay-images" / image)
        for container in going["containers"]:
            _remove(root / "overlay-containers" / container)
            _remove(self.run_root / "overlay-containers" / container)
        for layer in going["layers"]:
            _remove_layer(root, layer)


def _live(root: Path) -> frozenset[str]:
    return frozenset(container for _, container in monitors(root))


def _read(root: Path, *, live: frozenset[str] = frozenset()) -> Storage:
    layers = _list(root, "layers")
    return Storage(
        layers=layers,
        images=_list(root, "images"),
        containers=_list(root, "containers"),
        whole_layers=frozenset(each for each in layers.ids if _is_whole(root / "overlay" / each)),
        live=live,
    )


def _is_whole(layer: Path) -> bool:
    return (layer / "diff").is_dir() and (layer / "link").is_file()


def _path(root: Path, kind: str) -> Path:
    return root / f"overlay-{kind}" / f"{kind}.json"


def _volatile(root: Path, kind: str) -> Listing:
    """Return what newer versions list in another file: that is not looked after here, and not taken for a stranger."""
    return _list(root, kind, prefix="volatile-")


def _list(root: Path, kind: str, *, prefix: str = "") -> Listing:
    try:
        path = _path(root, kind)
        return storage_files.parse(path.with_name(prefix + path.name).read_text(errors="replace"))
    except FileNotFoundError:
        return Listing()


def _replace(path: Path, entries: Iterable[Entry]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("w") as file:
        json.dump(list(entries), file, separators=(",", ":"))
        file.flush()
        os.fsync(file.fileno())
    temporary.chmod(0o600)
    temporary.replace(path)


def _named(folder: Path) -> frozenset[str]:
    if not folder.is_dir():
        return frozenset()
    return frozenset(each.name for each in folder.iterdir() if len(each.name) == _ID and each.is_dir())


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _remove_layer(root: Path, layer: str) -> None:
    folder = root / "overlay" / layer
    with contextlib.suppress(OSError):
        (root / "overlay" / "l" / (folder / "link").read_text().strip()).unlink()
    for each in (root / "overlay-layers").glob(f"{layer}.*"):
        each.unlink(missing_ok=True)
    _remove(folder)


@contextlib.contextmanager
def _locked(root: Path) -> Iterator[Mapping[str, int]]:
    """Hold the storage's locks and give their files. Raises OSError where somebody else does not let go of them.

    Each file is opened once: closing any descriptor of it lets go of the lock.
    """
    found: dict[str, int] = {}
    end_s = time.monotonic() + _LOCK_S
    try:
        for kind in _KINDS:
            path = root / f"overlay-{kind}" / f"{kind}.lock"
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            found[kind] = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            while not _try_lock(found[kind], last=time.monotonic() > end_s):
                time.sleep(_LOCK_PAUSE_S)
        yield found
    finally:
        for descriptor in found.values():
            os.close(descriptor)


def _try_lock(descriptor: int, *, last: bool) -> bool:
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if last:
            raise
        return False
    return True


def _words(repair: Repair) -> str:
    parts = []
    if repair.rewritten:
        parts.append(f"the lists of {' and '.join(repair.rewritten)} of Podman's storage were damaged")
    if repair.images:
        parts.append(f"{len(repair.images)} images were not whole and were dropped")
    if repair.fetched_again:
        parts.append(f"{', '.join(repair.fetched_again)} will be pulled again when needed")
    if repair.lost:
        parts.append(f"load again, no registry has it: {', '.join(repair.lost)}")
    if repair.containers:
        parts.append(f"{len(repair.containers)} containers lost their files and are made anew")
    if not parts:
        parts.append(f"{len(repair.layers)} layers without files were dropped")
    return "; ".join(parts)
