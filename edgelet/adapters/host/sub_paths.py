"""A path inside a volume that a container may have prepared: found without ever leaving the volume, then pinned.

The walk opens one component after the other and never lets the kernel follow a symlink, so a container that swaps
directories for links meanwhile gains nothing. The bind is made from the open descriptor, not from a name.

Source: Kubernetes pkg/volume/util/subpath/subpath_linux.go (doSafeOpen, doSafeMakeDir, doBindSubPath).
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from edgelet.adapters.host import mounts

_MAX_LINKS = 40  # as the kernel
_OPEN = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class _Made:
    """What a directory becomes that was missing."""

    mode: int
    owner: int


def pin(volume_path: str, sub_path: str, target: Path, *, root: int | None = 0) -> bool:
    """Bind volume_path/sub_path on `target`; False if that very file was there already.

    Directories that are missing are made, and belong to `root` of the host; None: they are not made.

    Raises:
        OSError: The path leads out of the volume (EXDEV), goes through a file, cannot be made ...
    """
    with _opened(volume_path, sub_path, owner=root) as descriptor:
        wanted = os.fstat(descriptor)
        if _same_file(target, wanted):
            return False
        _make_place(target, wanted)
        mounts.bind(f"/proc/self/fd/{descriptor}", str(target))
        return True


def pin_tree_read_only(volume_path: str, sub_path: str, target: Path, *, root: int | None = 0) -> bool:
    """As `pin`, with all that is mounted there now, and nothing of it to be written; made anew each time.

    Raises:
        OSError: As `pin`.
    """
    with _opened(volume_path, sub_path, owner=root) as descriptor:
        _make_place(target, os.fstat(descriptor))
        mounts.bind_tree_read_only(descriptor, str(target))
        return True


def read(volume_path: str, path: str, limit_bytes: int) -> bytes:
    """Return the content of a plain file below the volume's root.

    Raises:
        OSError: It is not there, leads out of the volume (EXDEV), is no plain file (EINVAL) or too long (EFBIG).
    """
    with _opened(volume_path, path) as descriptor:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a plain file", path)
        # By its descriptor: what the name means may have changed since.
        with Path(f"/proc/self/fd/{descriptor}").open("rb") as file:
            data = file.read(limit_bytes + 1)
    if len(data) > limit_bytes:
        raise OSError(errno.EFBIG, f"longer than {limit_bytes} bytes", path)
    return data


def _same_file(target: Path, wanted: os.stat_result) -> bool:
    try:
        found = target.lstat()
    except FileNotFoundError:
        return False
    return (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino)


def _make_place(target: Path, wanted: os.stat_result) -> None:
    """Make the mount point, and take away what was there."""
    _clear(target)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if stat.S_ISDIR(wanted.st_mode):
        target.mkdir(mode=0o700)
    else:
        target.touch(mode=0o600)


def _clear(target: Path) -> None:
    """Take away an older bind and its mount point; what was bound stays."""
    if not os.path.lexists(target):
        return
    mounts.unmount(str(target))
    if target.is_dir():
        target.rmdir()
    else:
        target.unlink()


@contextmanager
def _opened(volume_path: str, sub_path: str, *, owner: int | None = None) -> Iterator[int]:
    """Open a path below the volume's root, making missing directories for `owner` if given. It is an O_PATH."""
    # The root itself is the agent's or the administrator's: it may be a link (a hostPath).
    stack = [os.open(volume_path, os.O_PATH | os.O_CLOEXEC | (os.O_DIRECTORY if sub_path else 0))]
    try:
        made = None if owner is None else _Made(stat.S_IMODE(os.fstat(stack[0]).st_mode), owner)
        _walk(stack, sub_path, made)
        yield stack[-1]
    finally:
        for descriptor in stack:
            os.close(descriptor)


def _walk(stack: list[int], sub_path: str, made: _Made | None) -> None:
    """Go down from stack[0]; the stack holds the directories above the present one, so `..` never asks the disk."""
    todo = sub_path.split("/")[::-1]
    links = 0
    while todo:
        name = todo.pop()
        if name in {"", "."}:
            continue
        if name == "..":
            if len(stack) == 1:
                raise OSError(errno.EXDEV, "path leads out of the volume", sub_path)
            os.close(stack.pop())
            continue
        descriptor = _step(stack[-1], name, made)
        if not stat.S_ISLNK(os.fstat(descriptor).st_mode):
            stack.append(descriptor)
            continue
        try:
            text = os.readlink("", dir_fd=descriptor)  # of the very link that was opened
        finally:
            os.close(descriptor)
        links += 1
        if text.startswith("/") or links > _MAX_LINKS:
            raise OSError(errno.EXDEV, "symbolic link leads out of the volume", sub_path)
        todo.extend(text.split("/")[::-1])


def _step(parent: int, name: str, made: _Made | None) -> int:
    try:
        return os.open(name, _OPEN, dir_fd=parent)
    except FileNotFoundError:
        if made is None:
            raise
        with suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=parent)
    descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        if made.owner:
            # In a directory of an fsGroup the new one has its group already.
            inherited = os.fstat(parent).st_mode & stat.S_ISGID
            os.fchown(descriptor, made.owner, -1 if inherited else made.owner)
        os.fchmod(descriptor, made.mode)  # as the volume's root, setgid included: the umask has no say
    finally:
        os.close(descriptor)
    return os.open(name, _OPEN, dir_fd=parent)
