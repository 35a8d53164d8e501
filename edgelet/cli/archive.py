"""Archives as `cp` sends and takes them: tar as a stream, packed here by name, unpacked into one place and no other."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
import tarfile
from typing import IO

from edgelet.cli.failure import CliError

_COPY_BYTES = 256 * 1024


def pack(source: str, name: str, sink: IO[bytes]) -> None:
    """Write what lies at `source`, links as links, under `name`. A link that is named itself is followed, as by cp.

    Raises:
        OSError: Something cannot be read, or nobody takes it any more.
    """
    with tarfile.open(fileobj=sink, mode="w|", format=tarfile.GNU_FORMAT) as archive:
        if os.path.islink(source):  # noqa: PTH114  no pathlib: it is slow to import on a board
            source = os.path.realpath(source)
        todo = [(source, name)]
        while todo:  # not archive.add: it calls itself for each level, and a deep tree has more than Python lets it
            path, arcname = todo.pop()
            archive.add(path, arcname=arcname, recursive=False)
            if os.path.isdir(path) and not os.path.islink(path):  # noqa: PTH112, PTH114
                below = sorted(os.listdir(path), reverse=True)  # noqa: PTH208
                todo.extend((os.path.join(path, one), f"{arcname}/{one}") for one in below)  # noqa: PTH118


def unpack(stream: IO[bytes], *, prefix: str, target: str, keep_modes: bool) -> int:
    """Unpack what begins with `prefix` to `target`; returns how many entries were taken.

    What would land outside of `target` is left out with a warning, by its name as well as by links that stand there;
    links and devices of the archive are never made. Rights are kept without set-uid and set-gid; owners are ours.

    Raises:
        CliError: It is no archive, was cut short, or has other names in it.
        OSError: Something cannot be written.
    """
    unpacker = _Unpacker(target, keep_modes=keep_modes)
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                unpacker.take(archive, member, _below(member.name, prefix))
    except (tarfile.TarError, ValueError, RecursionError) as error:  # also names that cannot be, and all too deep ones
        if unpacker.taken or str(error) != "empty file":
            raise CliError(f"tar contents corrupted: {error}") from error
    unpacker.set_modes()
    return unpacker.taken


def _below(name: str, prefix: str) -> str:
    """Return the part of a member's name behind the prefix: "" for what was named itself."""
    cleaned = name.lstrip("/")
    while cleaned.startswith("./"):
        cleaned = cleaned[2:]
    if cleaned in {prefix, "."} or not prefix:
        return "" if cleaned in {prefix, "."} else cleaned
    if not cleaned.startswith(f"{prefix}/"):
        raise CliError(f"tar contents corrupted: {_shown(name)} is not below {_shown(prefix)}")
    return cleaned[len(prefix) + 1 :]


def _shown(name: str) -> str:
    """Return a name of the container's choice so that a terminal takes it for text, whatever is in it."""
    return json.dumps(name, ensure_ascii=not name.isprintable())


class _Unpacker:
    """One target, and what was put there."""

    def __init__(self, target: str, *, keep_modes: bool) -> None:
        self._target = target
        self._keep_modes = keep_modes
        self._modes: list[tuple[str, int]] = []  # of directories: set last, since they may forbid writing
        self._files: dict[str, str] = {}  # name in the archive to path, for hard links
        self.taken = 0

    def take(self, archive: tarfile.TarFile, member: tarfile.TarInfo, below: str) -> None:
        """Make one entry, or say why not."""
        path = self._path(below)
        if path is None or not self._is_inside(path, below):
            self._warn(f"file {_shown(path or below)} is outside target destination, skipping")
        elif member.issym():
            self._warn(f"skipping symlink: {_shown(path)} -> {_shown(member.linkname)}")
        elif member.isdir():
            os.makedirs(path, exist_ok=True)  # noqa: PTH103
            self._modes.append((path, member.mode))
            self.taken += 1
        elif member.isfile():
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)  # noqa: PTH103, PTH120
            content = archive.extractfile(member)
            with self._opened(path, member.mode) as file:
                if content is not None:
                    shutil.copyfileobj(content, file, _COPY_BYTES)
            self._files[member.name] = path
            self.taken += 1
        elif member.islnk() and member.linkname in self._files:
            self._copy(self._files[member.linkname], path, member.mode)
            self.taken += 1
        else:
            self._warn(f"skipping {_shown(path)}: neither a file nor a directory")

    def set_modes(self) -> None:
        """Give directories their rights, the innermost first."""
        for path, mode in reversed(self._modes if self._keep_modes else []):
            os.chmod(path, stat.S_IMODE(mode) & 0o777 | stat.S_IRWXU)  # noqa: PTH101

    def _path(self, below: str) -> str | None:
        """Return where it goes; None where its name leads out."""
        if not below:
            return self._target
        cleaned = os.path.normpath(below)
        if cleaned.startswith(("/", "../")) or cleaned == "..":
            return None
        return os.path.join(self._target, cleaned)  # noqa: PTH118

    def _is_inside(self, path: str, below: str) -> bool:
        """Whether no link that stands there leads out of the target."""
        if not below:
            return True
        root = os.path.realpath(self._target)
        parent = os.path.realpath(os.path.dirname(path))  # noqa: PTH120
        return (parent == root or parent.startswith(root.rstrip("/") + "/")) and not os.path.islink(path)  # noqa: PTH114

    def _opened(self, path: str, mode: int) -> IO[bytes]:
        # The target itself may be a link of the user's own; below it none is followed.
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | (0 if path == self._target else os.O_NOFOLLOW)
        file = os.fdopen(os.open(path, flags, 0o666), "wb")
        if self._keep_modes and stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            os.fchmod(file.fileno(), stat.S_IMODE(mode) & 0o777)
        return file

    def _copy(self, first: str, path: str, mode: int) -> None:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)  # noqa: PTH103, PTH120
        with open(first, "rb") as content, self._opened(path, mode) as file:  # noqa: PTH123
            shutil.copyfileobj(content, file, _COPY_BYTES)

    def _warn(self, text: str) -> None:
        print(f"warning: {text}", file=sys.stderr)
