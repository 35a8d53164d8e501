"""Which groups an image gives a user, from the /etc/passwd and /etc/group in its layers.

The layers are looked through as overlay would show them, without mounting anything. Links are not followed: an image
that makes one of these files a link has no groups to give.

Source: opencontainers/runc user.GetExecUser; overlayfs.rst of the kernel (whiteouts, opaque directories).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence

_LIMIT_BYTES = 1024 * 1024
_OPAQUE = "trusted.overlay.opaque"
_FIELDS = 4  # of a line in /etc/group; /etc/passwd has more
_DIGITS = 10
_LAST_GROUP = 2**31 - 1  # Source: runc's maxID
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def of_user(layers: Sequence[str], user: str) -> tuple[int, ...]:
    """Return the groups in which the user (a name or a number) is named, ascending.

    Raises:
        OSError: A layer cannot be read.
    """
    if not user:
        return ()
    names = {fields[0] for fields in _lines(layers, "passwd") if user in {fields[0], fields[2]}}
    if not user.isdecimal():
        names.add(user)
    found = {
        int(fields[2])
        for fields in _lines(layers, "group")
        if _is_number(fields[2]) and names & set(fields[3].split(","))
    }
    return tuple(sorted(found))


def _is_number(text: str) -> bool:
    """Whether it is a group's number that Linux can have."""
    return text.isascii() and text.isdecimal() and len(text) <= _DIGITS and int(text) <= _LAST_GROUP


def _lines(layers: Sequence[str], name: str) -> Iterator[list[str]]:
    for line in _content(layers, name).decode(errors="replace").splitlines():
        fields = line.strip().split(":")
        if len(fields) >= _FIELDS and not line.startswith("#"):
            yield fields


def _content(layers: Sequence[str], name: str) -> bytes:
    """Return a file of /etc as the uppermost layer that says something about it has it."""
    for layer in layers:
        root = os.open(layer, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            found = _in_layer(root, name)
        finally:
            os.close(root)
        if found is not None:
            return found
    return b""


def _in_layer(root: int, name: str) -> bytes | None:
    """Return the file; b"" where the layer takes it away; None where the layers below decide."""
    try:
        folder = os.open("etc", _DIRECTORY, dir_fd=root)
    except FileNotFoundError:
        return None
    except OSError:  # a link, or a whiteout of the whole directory
        return b""
    try:
        try:
            found = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        except FileNotFoundError:
            return b"" if _is_opaque(folder) else None
        try:
            # Looked at before it is opened to be read: an image may have a device there, and some act on being opened.
            if not stat.S_ISREG(os.fstat(found).st_mode):
                return b""
            with open(f"/proc/self/fd/{found}", "rb") as stream:  # noqa: PTH123  bytes, by its descriptor
                return stream.read(_LIMIT_BYTES)
        finally:
            os.close(found)
    finally:
        os.close(folder)


def _is_opaque(folder: int) -> bool:
    try:
        return os.getxattr(folder, _OPAQUE) == b"y"
    except OSError:
        return False
