"""hostPath volumes: is the path what the pod says it is, and make it where the pod asks for that.

Source: Kubernetes pkg/volume/hostpath/host_path.go checkType, with its messages.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from edgelet.ports.pod_files import HostPathType

_EXPECTED: dict[HostPathType, tuple[str, HostPathType]] = {
    "DirectoryOrCreate": ("directory", "Directory"),
    "Directory": ("directory", "Directory"),
    "FileOrCreate": ("file", "File"),
    "File": ("file", "File"),
    "Socket": ("socket file", "Socket"),
    "CharDevice": ("character device", "CharDevice"),
    "BlockDevice": ("block device", "BlockDevice"),
}
_KINDS: tuple[tuple[int, HostPathType], ...] = (
    (stat.S_IFSOCK, "Socket"),
    (stat.S_IFBLK, "BlockDevice"),
    (stat.S_IFCHR, "CharDevice"),
    (stat.S_IFDIR, "Directory"),
    (stat.S_IFREG, "File"),
)


def prepare(path: str, wanted: HostPathType, within: Sequence[str] = (), *, make: bool = True) -> bool:
    """Check the path; True if something was made. Links in it may lead to the places `within` alone, if there are any.

    Without `make` it has to be there, whatever `wanted` says.

    Raises:
        OSError: With the kubelet's words as its text where the type does not fit; otherwise the system's.
    """
    if ".." in path.split("/"):
        raise OSError(f"invalid HostPath `{path}`: must not contain '..'")
    if within:
        _confine(path, within)
    if not make and not _exists(path):
        raise OSError(f"hostPath {path} doesn't exist, and the policy of this board has nothing made there")
    if wanted in {"", "DirectoryOrCreate"} and not _exists(path):
        # Without a type the kubelet hands any path on and the CRI runtime makes a directory: what Podman does not do.
        Path(path).mkdir(mode=0o755, parents=True, exist_ok=True)
        return True
    if wanted == "FileOrCreate" and not _exists(path):
        os.close(os.open(path, os.O_CREAT | os.O_CLOEXEC, 0o644))
        return True
    if wanted:
        _check(path, wanted)
    return False


def _confine(path: str, within: Sequence[str]) -> None:
    """Refuse a path that a link leads elsewhere: a pod that may write above it could have put one there."""
    real = os.path.realpath(path)  # as far as it is there; what is not cannot be a link. pathlib raises on a loop
    if not any(Path(real).is_relative_to(os.path.realpath(place)) for place in within):
        raise OSError(f"hostPath {path} leads to {real}, where the policy of this board lets no pod in")


def _check(path: str, wanted: HostPathType) -> None:
    description, kind = _EXPECTED[wanted]
    if not _exists(path):
        raise OSError(f"hostPath {path} doesn't exist")
    found = _kind(path)
    if found is None:
        raise OSError(
            f"hostPath type check failed, {path} is not a {description}, unable to determine its type: "
            "only recognise file, directory, socket, block device and character device"
        )
    if found != kind:
        raise OSError(f"hostPath type check failed: {path} is not a {description}, it's a {found}")


def _exists(path: str) -> bool:
    return os.path.exists(path)  # noqa: PTH110  a broken link or an unreadable parent counts as absent, as in Go


def _kind(path: str) -> HostPathType | None:
    mode = stat.S_IFMT(Path(path).stat().st_mode)
    return next((kind for bits, kind in _KINDS if mode == bits), None)
