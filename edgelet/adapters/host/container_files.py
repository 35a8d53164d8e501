"""Single files and directories of containers: emptyDirs, hosts files, termination logs, log directories. Blocking."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from edgelet.adapters.host import ownership
from edgelet.ports.pod_files import HostsFile

_SMALL_BYTES = 1024 * 1024  # nobody's /etc/hosts or resolv.conf is larger
_INSTANCE = re.compile(r"(\d{1,9})(\.log.*)?", re.ASCII)


def make_empty(path: Path, gid: int | None, *, root: int = 0) -> bool:
    """Make an emptyDir; one that is there belongs to the pod and is left alone.

    It appears complete, by a rename: a pod may set any mode on it, so a half-made one could not be told later.
    `root` is who of the host is root in the pod, here and below.
    """
    if path.is_dir():
        return False
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.parent.chmod(0o700)  # the pod's directory: nobody of the host but root looks into its volumes
    fresh = path.with_name(f"..{path.name}")
    fresh.mkdir(exist_ok=True)
    if root or gid is not None:
        os.chown(fresh, *ownership.of(root, gid))
    fresh.chmod(0o777 if gid is None else 0o2777)
    fresh.rename(path)
    return True


def write_hosts(step: HostsFile, node_hosts_file: str, *, root: int = 0) -> bool:
    """Write a pod's /etc/hosts in place: running containers have it mounted, a rename would leave them the old one."""
    middle = small_text(node_hosts_file) if step.with_node_file else ""
    content = f"{step.head}{middle}{step.tail}".encode(errors="surrogateescape")
    descriptor = os.open(step.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    with os.fdopen(descriptor, "r+b") as stream:
        if root:
            os.fchown(descriptor, root, root)
        os.fchmod(descriptor, 0o644)
        if os.fstat(descriptor).st_size == len(content) and stream.read() == content:
            return False
        stream.seek(0)
        stream.write(content)
        stream.truncate()
    return True


def make_termination_log(path: Path, *, root: int = 0) -> bool:
    """Make an empty file that anybody may write, if it is not there; forget those of long ended instances."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _prune(path.parent, int(path.name))
    existed = os.path.lexists(path)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        if root:
            os.fchown(descriptor, root, root)
        os.fchmod(descriptor, 0o666)  # the container's user, whoever that is; the umask has no say
    finally:
        os.close(descriptor)
    return not existed


def make_log_directory(path: Path, instance: int) -> bool:
    """Make a container's log directory; forget the logs of long ended instances."""
    if path.is_dir():
        _prune(path, instance)
        return False
    path.mkdir(mode=0o750, parents=True, exist_ok=True)
    return True


def last_instances(log_directory: Path) -> Mapping[str, int]:
    """Return container -> highest instance that left a log."""
    found: dict[str, int] = {}
    try:
        containers = [entry for entry in log_directory.iterdir() if entry.is_dir()]
    except FileNotFoundError:
        return found
    for container in containers:
        numbers = [int(match[1]) for entry in container.iterdir() if (match := _INSTANCE.fullmatch(entry.name))]
        if numbers:
            found[container.name] = max(numbers)
    return found


def tail(path: Path, limit_bytes: int) -> bytes | None:
    """Return at most the last bytes of a regular file; None if there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as stream:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return None
        stream.seek(max(0, found.st_size - limit_bytes))
        return stream.read(limit_bytes)


def small_text(path: str) -> str:
    """Return the text of a small file, "" if it is not there."""
    try:
        with Path(path).open("rb") as stream:
            return stream.read(_SMALL_BYTES).decode(errors="surrogateescape")
    except FileNotFoundError:
        return ""


def _prune(directory: Path, instance: int) -> None:
    """Remove files of instances before the previous one: one dead instance is kept, as the kubelet does."""
    for entry in directory.iterdir():
        match = _INSTANCE.fullmatch(entry.name)
        if match and int(match[1]) < instance - 1:
            entry.unlink()
