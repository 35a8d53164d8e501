"""Ids of users that pods have for themselves: a block of 65536 each, recorded beside the files that belong to them.

A pod's block goes with its durable directory: it outlives restarts of the agent and of the board, and comes free when
the files are gone. The lowest free block is taken, so that few blocks are ever used: where the engine has to copy an
image for the ids of a pod, it has as many copies as pods were there at once.

Source: Kubernetes pkg/kubelet/userns/userns_manager.go.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgelet.ports.pod_files import USER_IDS

_RECORD = "user-ids"
_SUBORDINATE = ("/etc/subuid", "/etc/subgid")


@dataclass(frozen=True, slots=True)
class IdRange:
    """Where blocks are taken from. Both are multiples of 65536, `first` is not 0."""

    first: int = 0x7000_0000  # nobody's up to 2**31, Source: systemd's UIDS-GIDS.md
    count: int = 0x1000_0000


DEFAULT = IdRange()


class UserIds:
    """The blocks of the pods whose durable directories are below `volumes`. Blocking; of one process."""

    def __init__(self, volumes: str, *, ids: IdRange, subordinate: tuple[str, ...] = _SUBORDINATE) -> None:
        self._volumes = Path(volumes)
        self._ids = ids
        self._subordinate = subordinate
        self._lock = threading.Lock()

    def of(self, uid: str) -> int | None:
        """Return the first id of a pod's block; None where it has the host's users. Raises OSError."""
        path = self._volumes / uid / _RECORD
        try:
            text = path.read_text(encoding="ascii").strip()
        except (FileNotFoundError, NotADirectoryError):  # a file among the pods' directories is nobody's pod
            return None
        if not text.isdecimal():
            raise OSError(errno.EINVAL, "the record of the pod's user ids is damaged", str(path))
        return int(text)

    def take(self, uid: str) -> int:
        """Return the first id of a pod's block, and record the lowest free one if it has none yet.

        Raises:
            OSError: It cannot be recorded, or no block is free (ENOSPC).
        """
        with self._lock:
            if (known := self.of(uid)) is not None:
                return known
            taken = [*self._recorded(), *self._of_people()]
            for first in range(self._ids.first, self._ids.first + self._ids.count, USER_IDS):
                if not any(first < end and begin < first + USER_IDS for begin, end in taken):
                    try:
                        self._record(uid, first)
                    except OSError as error:  # a full disk, else taken for a lack of ids
                        raise OSError(error.errno, error.strerror, str(self._volumes / uid / _RECORD)) from error
                    return first
        raise OSError(errno.ENOSPC, "could not find an empty slot to allocate a user namespace")

    def _recorded(self) -> Iterator[tuple[int, int]]:
        try:
            uids = os.listdir(self._volumes)  # noqa: PTH208  names are all that is needed
        except FileNotFoundError:
            return
        for uid in uids:
            if (first := self.of(uid)) is not None:
                yield first, first + USER_IDS

    def _of_people(self) -> Iterator[tuple[int, int]]:
        """Yield what the board's users have for containers of their own. Source: subuid(5)."""
        for name in self._subordinate:
            try:
                lines = Path(name).read_text(encoding="utf-8", errors="replace").splitlines()
            except OSError:
                continue
            for line in lines:
                _, _, numbers = line.partition(":")
                first, _, count = numbers.partition(":")
                if first.isdecimal() and count.isdecimal():
                    yield int(first), int(first) + int(count)

    def _record(self, uid: str, first: int) -> None:
        """Write it so that a power cut leaves it whole or not there."""
        directory = self._volumes / uid
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = directory / f"..{_RECORD}"
        with fresh.open("w", encoding="ascii") as stream:
            stream.write(f"{first}\n")
            stream.flush()
            os.fsync(stream.fileno())
        fresh.rename(directory / _RECORD)
        for folder in (directory, self._volumes):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def why_not(ids: IdRange, proc: Path = Path("/proc")) -> str:
    """Return why this kernel gives pods no user namespaces, for people; "" if it does.

    Source: user_namespaces(7).
    """
    if not (proc / "self/ns/user").exists():
        return "this kernel is built without user namespaces (CONFIG_USER_NS)"
    try:
        most = int((proc / "sys/user/max_user_namespaces").read_text(encoding="ascii"))
        own = [tuple(map(int, line.split())) for line in (proc / "self/uid_map").read_text("ascii").splitlines()]
    except (OSError, ValueError) as error:
        return f"cannot tell whether this kernel has user namespaces: {error}"
    if most == 0:
        return "user namespaces are switched off: sysctl user.max_user_namespaces is 0"
    if not any(first <= ids.first and ids.first + ids.count <= first + count for first, _, count in own):
        return (
            "the agent runs in a user namespace itself, which lacks the ids of [workload] userns_first_id and "
            "userns_ids; set them to ids that it has"
        )
    return ""
