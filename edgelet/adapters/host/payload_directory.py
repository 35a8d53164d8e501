"""A directory whose files are replaced as a whole: readers see the old set or the new one.

The visible names are links to `..data/<name>`; `..data` is a link to a hidden directory with the real files and is
replaced by one rename. Programs watch `..data`, so the names are the kubelet's.

Source: Kubernetes pkg/volume/util/atomic_writer.go; ownership: pkg/volume/volume_linux.go.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from edgelet.adapters.host import ownership
from edgelet.ports.pod_files import PayloadFile

_DATA = "..data"
_NEW_DATA = "..data_tmp"
_READABLE = 0o440
_DIRECTORY = stat.S_ISGID | 0o110
_MAX_NAME_BYTES = 255
_MAX_PATH_BYTES = 4096


def write(directory: Path, files: Mapping[str, PayloadFile], *, gid: int | None, root: int = 0) -> bool:
    """Make the directory show exactly these files; False if it did already.

    `gid` is the pod's fsGroup; `root` who of the host is root in the pod.

    Raises:
        OSError: A path that cannot be (`..`, absolute, too long, a file where a directory must be), no space ...
    """
    wanted = {_checked(path): file for path, file in files.items()}
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    current = _current(directory)
    _sweep(directory, current)
    if current is not None and _same(directory / current, wanted):
        _link(directory, wanted)
        _unlink_others(directory, wanted)
        return False
    fresh = Path(tempfile.mkdtemp(prefix=f"..{datetime.now(UTC):%Y_%m_%d_%H_%M_%S}.", dir=directory))
    try:
        _fill(fresh, wanted)
        _own(directory, fresh, gid, root)
        (directory / _NEW_DATA).symlink_to(fresh.name)
        (directory / _NEW_DATA).rename(directory / _DATA)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    # Links after the swap, other than the kubelet: in between a new key is missing, never a link to nothing.
    _link(directory, wanted)
    _unlink_others(directory, wanted)
    if current is not None:
        shutil.rmtree(directory / current, ignore_errors=True)
    return True


def _checked(path: str) -> str:
    parts = path.split("/")
    if not parts[0] or ".." in parts or parts[0].startswith(".."):
        raise OSError(f"invalid path: {path!r} must be relative and must not contain or start with '..'")
    if len(os.fsencode(path)) > _MAX_PATH_BYTES or any(len(os.fsencode(part)) > _MAX_NAME_BYTES for part in parts):
        raise OSError(f"invalid path: {path[:80]!r} is too long")
    return os.path.normpath(path)


def _current(directory: Path) -> str | None:
    try:
        return os.readlink(directory / _DATA)  # noqa: PTH115  the text of the link, not a Path
    except FileNotFoundError:
        return None


def _sweep(directory: Path, current: str | None) -> None:
    """Remove what a write that was killed left behind."""
    for name in os.listdir(directory):  # noqa: PTH208  names are all that is needed
        if name == _NEW_DATA:
            (directory / name).unlink()
        elif name.startswith("..") and name not in {_DATA, current}:
            shutil.rmtree(directory / name)


def _same(data: Path, wanted: Mapping[str, PayloadFile]) -> bool:
    """Whether the directory holds these files. Modes come from the pod's spec, which does not change."""
    found: set[str] = set()
    for folder, _, names in os.walk(data):
        found.update(os.path.relpath(os.path.join(folder, name), data) for name in names)  # noqa: PTH118  hot and textual
    return found == wanted.keys() and all((data / path).read_bytes() == file.data for path, file in wanted.items())


def _fill(data: Path, wanted: Mapping[str, PayloadFile]) -> None:
    data.chmod(0o755)
    for path, file in wanted.items():
        target = data / path
        _make_parents(data, target.parent)
        # Nobody but root may look before the mode is the wanted one.
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(file.data)
            os.fchmod(descriptor, file.mode & 0o777)


def _make_parents(data: Path, folder: Path) -> None:
    missing = []
    while folder != data and not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for one in reversed(missing):
        one.mkdir()
        one.chmod(0o755)  # whatever the umask says


def _own(directory: Path, fresh: Path, gid: int | None, root: int) -> None:
    """Give the files to the pod's root and fsGroup: at least readable for the group, directories setgid."""
    directory.chmod(0o777)
    if gid is None and not root:
        return
    owner = ownership.of(root, gid)
    readable, setgid = (0, 0) if gid is None else (_READABLE, _DIRECTORY)
    for folder, _, names in os.walk(fresh):
        _give(Path(folder), owner, extra=readable | setgid)
        for name in names:
            _give(Path(folder) / name, owner, extra=readable)
    _give(directory, owner, extra=readable | setgid)


def _give(path: Path, owner: tuple[int, int], *, extra: int) -> None:
    mode = stat.S_IMODE(path.stat().st_mode) | extra
    os.chown(path, *owner)
    path.chmod(mode)


def _link(directory: Path, wanted: Mapping[str, PayloadFile]) -> None:
    for name in {path.partition("/")[0] for path in wanted}:
        link = directory / name
        if link.is_symlink():
            continue
        with suppress(FileNotFoundError):
            link.rmdir()  # a subPath asked for this key before it was there and got an empty directory
        link.symlink_to(f"{_DATA}/{name}")


def _unlink_others(directory: Path, wanted: Mapping[str, PayloadFile]) -> None:
    visible = {path.partition("/")[0] for path in wanted}
    for name in os.listdir(directory):  # noqa: PTH208  names are all that is needed
        link = directory / name
        if not name.startswith("..") and name not in visible and link.is_symlink():
            link.unlink()
