"""emptyDirs that are memory: a tmpfs each, or huge pages of one size. Blocking."""

from __future__ import annotations

from pathlib import Path

from edgelet.adapters.host import mounts, ownership
from edgelet.ports.pod_files import HugePagesDirectory


def make(path: Path, size_bytes: int, gid: int | None, *, root: int) -> bool:
    """Mount a tmpfs, once; False if it is there. `root` is who of the host is root in the pod. Raises OSError."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if mounts.is_mount_point(str(path)):
        return False
    mounts.mount_tmpfs(str(path), size_bytes=size_bytes, mode=_mode(gid), owner=ownership.of(root, gid))
    return True


def make_of_huge_pages(path: Path, step: HugePagesDirectory, *, root: int) -> bool:
    """Mount huge pages, once; False if they are there. Raises OSError."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if mounts.is_mount_point(str(path)):
        return False
    mounts.mount_huge_pages(
        str(path), page_bytes=step.page_bytes, size_bytes=step.size_bytes, owner=ownership.of(root, step.gid)
    )
    path.chmod(_mode(step.gid))  # as a mount option setgid is dropped
    return True


def _mode(gid: int | None) -> int:
    return 0o777 if gid is None else 0o2777
