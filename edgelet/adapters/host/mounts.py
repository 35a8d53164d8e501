"""Mounts of Linux: tmpfs, binds, unmounting, and what is mounted below a directory.

Blocking; errors are OSError. Nothing here asks systemd or runs a program.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import re
from pathlib import Path
from typing import Any

MS_NOSUID = 0x2
MS_NODEV = 0x4
_MS_BIND = 0x1000
_MS_RDONLY, _MS_NOEXEC, _MS_REMOUNT = 0x1, 0x8, 0x20
_LOCKED = _MS_RDONLY | MS_NOSUID | MS_NODEV | _MS_NOEXEC
_MNT_DETACH = 0x2
_UMOUNT_NOFOLLOW = 0x8
# Numbers of system calls that are the same on every architecture.
# Source: open_tree(2), move_mount(2), mount_setattr(2) of Linux 5.2 and 5.12.
_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442
_OPEN_TREE_CLONE, _AT_RECURSIVE, _AT_EMPTY_PATH = 0x1, 0x8000, 0x1000
_MOVE_MOUNT_F_EMPTY_PATH, _AT_FDCWD = 0x4, -100
_MS_PRIVATE = 1 << 18
_READ_ONLY = frozenset({b"ro", b"emergency_ro"})
_OCTAL = re.compile(r"\\([0-7]{3})")


def mount_tmpfs(path: str, *, size_bytes: int, mode: int, owner: tuple[int, int] = (0, 0), flags: int = 0) -> None:
    """Mount a tmpfs that is not swapped out, where the kernel can promise that (Linux 6.4)."""
    options = f"size={size_bytes},mode={mode:o},uid={owner[0]},gid={owner[1]}"
    try:
        _mount("tmpfs", path, "tmpfs", flags, f"{options},noswap")
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        _mount("tmpfs", path, "tmpfs", flags, options)


def mount_huge_pages(path: str, *, page_bytes: int, size_bytes: int, owner: tuple[int, int]) -> None:
    """Mount huge pages of one size. Source: hugetlbpage.rst; without `size_bytes` all there are can be had."""
    options = f"pagesize={page_bytes},uid={owner[0]},gid={owner[1]}"
    _mount("hugetlbfs", path, "hugetlbfs", 0, f"{options},size={size_bytes}" if size_bytes else options)


def bind(source: str, target: str) -> None:
    """Make `source` appear at `target` (both directories, or both not)."""
    _mount(source, target, "", _MS_BIND, "")


def bind_read_only(source: str, target: str) -> None:
    """Make a directory appear at `target`: not to be written, and nothing in it to be run."""
    bind(source, target)
    try:
        _mount("", target, "", _MS_REMOUNT | _MS_BIND | _LOCKED, "")
    except OSError:
        unmount(target)
        raise


def bind_tree_read_only(descriptor: int, target: str) -> None:
    """Make what is open appear at `target` with all mounts in it: none to be written, none shared with the original.

    It is read-only before anybody can see it, and private: taking it down later takes nothing from the original.
    """
    tree = _call(_OPEN_TREE, descriptor, b"", _OPEN_TREE_CLONE | os.O_CLOEXEC | _AT_RECURSIVE | _AT_EMPTY_PATH)
    try:
        attributes = _MountAttributes(set=_MS_RDONLY, propagation=_MS_PRIVATE)
        size = ctypes.sizeof(attributes)
        _call(_MOUNT_SETATTR, tree, b"", _AT_RECURSIVE | _AT_EMPTY_PATH, ctypes.byref(attributes), size)
        _call(_MOVE_MOUNT, tree, b"", _AT_FDCWD, os.fsencode(target), _MOVE_MOUNT_F_EMPTY_PATH)
    finally:
        os.close(tree)


@functools.cache
def tree_read_only_supported() -> bool:
    """Whether the kernel can do `bind_tree_read_only` (Linux 5.12)."""
    try:
        _call(_MOUNT_SETATTR, -1, b"", 0, None, 0)
    except OSError as error:
        return error.errno != errno.ENOSYS
    return True


class _MountAttributes(ctypes.Structure):
    _fields_ = (
        ("set", ctypes.c_uint64),
        ("clear", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("user_namespace", ctypes.c_uint64),
    )


def mount_overlay(target: str, options: str) -> None:
    """Mount directories over each other, as `bind_read_only`."""
    _mount("overlay", target, "overlay", _LOCKED, options)


def is_mounted(path: str) -> bool:
    """Whether something is mounted at exactly this path, of whatever file system."""
    return path in mounted_below(path)


def unmount(path: str) -> None:
    """Detach what is mounted on the path, at once; whoever still uses it keeps it. Nothing mounted is no error."""
    if _libc().umount2(os.fsencode(path), _MNT_DETACH | _UMOUNT_NOFOLLOW) != 0:
        code = ctypes.get_errno()
        if code not in {errno.EINVAL, errno.ENOENT}:
            raise OSError(code, os.strerror(code), path)


def is_mount_point(path: str) -> bool:
    """Whether a file system other than its parent's begins here. A bind from the same file system is not seen."""
    return os.lstat(path).st_dev != os.lstat(Path(path).parent).st_dev


def is_read_only(path: str) -> bool:
    """Whether the mount that the path lies on, or its file system, cannot be written. Asks no disk.

    Source: proc_pid_mountinfo(5). statvfs(2) does not tell of ext4's `emergency_ro` (Linux 6.15), which is what an
    error leaves behind.
    """
    found, longest = False, -1
    target = os.path.realpath(path)
    for line in Path("/proc/self/mountinfo").read_bytes().splitlines():
        words = line.split(b" ")
        point = _point(words).rstrip("/")
        if len(point) >= longest and (target == point or target.startswith(f"{point}/")):
            longest = len(point)
            found = not _READ_ONLY.isdisjoint((*words[5].split(b","), *words[-1].split(b",")))
    return found


def mounted_below(*roots: str) -> list[str]:
    """Return the mount points on and below these directories, innermost first.

    Source: proc_pid_mountinfo(5); the newest mount is last there, so the reverse order is safe to unmount in.
    """
    found = []
    for line in Path("/proc/self/mountinfo").read_bytes().splitlines():
        point = _point(line.split(b" "))
        if any(point == root or point.startswith(f"{root}/") for root in roots):
            found.append(point)
    return found[::-1]


def _point(words: list[bytes]) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), os.fsdecode(words[4]))


@functools.cache
def _libc() -> ctypes.CDLL:
    library = ctypes.CDLL(None, use_errno=True)
    text = ctypes.c_char_p
    library.mount.argtypes = (text, text, text, ctypes.c_ulong, text)
    library.umount2.argtypes = (text, ctypes.c_int)
    library.syscall.restype = ctypes.c_long
    return library


def _call(number: int, *arguments: Any) -> int:
    code: int = _libc().syscall(ctypes.c_long(number), *(_word(one) for one in arguments))
    if code < 0:
        fault = ctypes.get_errno()
        raise OSError(fault, os.strerror(fault))
    return code


def _word(argument: Any) -> Any:
    return ctypes.c_long(argument) if isinstance(argument, int) else argument


def _mount(source: str, target: str, kind: str, flags: int, options: str) -> None:
    code = _libc().mount(os.fsencode(source), os.fsencode(target), kind.encode(), flags, options.encode())
    if code != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), target)
