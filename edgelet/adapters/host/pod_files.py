"""The files of pods on a real board.

Each pod has a tmpfs of its own (size-bounded, nosuid, nodev, not swapped where the kernel can promise it): Secrets
never touch the disk, and a pod that fills its termination log harms nobody else. Not noexec: pods run scripts out of
ConfigMaps, and Podman would carry a noexec of the source over to the bind.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TypeVar, assert_never

from edgelet.adapters.host import (
    container_files,
    host_directories,
    image_directories,
    image_groups,
    memory_directories,
    mounts,
    payload_directory,
    sub_paths,
    user_ids,
)
from edgelet.adapters.host.user_ids import IdRange, UserIds
from edgelet.api.errors import EdgeletError
from edgelet.ports.pod_files import (
    EmptyDirectory,
    FileStep,
    HostDirectory,
    HostsFile,
    HugePagesDirectory,
    ImageDirectory,
    LogDirectory,
    MemoryDirectory,
    Payload,
    PodPaths,
    SubPath,
    TerminationLog,
    VolumeStep,
)

_UID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,127}", re.ASCII)
_RETRY = timedelta(seconds=10)
_REMOVE_TIMEOUT_S = 600  # an SD card with a million small files
_STUB_RESOLVER = "127.0.0.53"  # systemd-resolved's, good on the host's loopback only
_RESOLVED_CONF = "/run/systemd/resolve/resolv.conf"
Result = TypeVar("Result")


class HostPodFiles:
    """`PodFiles` by system calls, in threads. Needs CAP_SYS_ADMIN (mounts), CAP_CHOWN, CAP_FOWNER."""

    def __init__(
        self,
        paths: PodPaths,
        *,
        ids: IdRange = user_ids.DEFAULT,
        pod_tmpfs_bytes: int = 32 * 1024 * 1024,
        node_hosts_file: str = "/etc/hosts",
        resolv_conf_file: str = "/etc/resolv.conf",
    ) -> None:
        self._paths = paths
        self._user_ids = UserIds(paths.volumes, ids=ids)
        self._pod_tmpfs_bytes = pod_tmpfs_bytes  # only what is written takes memory
        self._node_hosts_file = node_hosts_file
        self._resolv_conf_file = resolv_conf_file

    @property
    def paths(self) -> PodPaths:
        return self._paths

    async def user_ids(self, uid: str) -> int:
        return await _in_thread(lambda: self._take_ids(uid))

    async def prepare(self, uid: str, steps: Sequence[FileStep]) -> frozenset[str]:
        return await _in_thread(lambda: self._prepare(uid, steps))

    async def read_tail(self, path: str, limit_bytes: int) -> bytes | None:
        return await _in_thread(lambda: container_files.tail(self._confined(path, *self._roots()), limit_bytes))

    async def read_in_volume(self, volume_path: str, path: str, limit_bytes: int) -> bytes | None:
        volume = str(self._confined(volume_path, *self._roots()))
        return await _in_thread(lambda: _read_in_volume(volume, path, limit_bytes))

    async def image_groups(self, layers: Sequence[str], user: str) -> tuple[int, ...]:
        return await _in_thread(lambda: _image_groups(layers, user))

    async def last_instances(self, log_directory: str) -> Mapping[str, int]:
        directory = self._confined(log_directory, self._paths.logs)
        return await _in_thread(lambda: container_files.last_instances(directory))

    async def resolv_conf(self) -> str:
        return await _in_thread(self._resolv_conf)

    async def remove_volumes(self, uid: str) -> None:
        await _in_thread(lambda: self._remove(uid, logs=False))

    async def remove(self, uid: str) -> None:
        await _in_thread(lambda: self._remove(uid, logs=True))

    async def list(self) -> frozenset[str]:
        return await _in_thread(self._list)

    # ---- in a thread from here on

    def _prepare(self, uid: str, steps: Sequence[FileStep]) -> frozenset[str]:
        _check_uid(uid)
        self._make_room(uid)
        root = self._root(uid)
        return frozenset(path for step in steps if (path := self._carry_out(uid, step, root)) is not None)

    def _take_ids(self, uid: str) -> int:
        _check_uid(uid)
        try:
            return self._user_ids.take(uid)
        except OSError as error:
            raise EdgeletError("FailedMount", f"create user namespace: {_words(error)}", retry_after=_RETRY) from error

    def _root(self, uid: str) -> int:
        """Return who of the host is root in the pod."""
        try:
            return self._user_ids.of(uid) or 0
        except OSError as error:
            raise EdgeletError("FailedMount", f"user namespace: {_words(error)}", retry_after=_RETRY) from error

    def _make_room(self, uid: str) -> None:
        """Mount the pod's tmpfs, once."""
        path = self._paths.volatile(uid)
        try:
            Path(path).mkdir(mode=0o700, parents=True, exist_ok=True)
            if not mounts.is_mount_point(path):
                mounts.mount_tmpfs(
                    path, size_bytes=self._pod_tmpfs_bytes, mode=0o700, flags=mounts.MS_NOSUID | mounts.MS_NODEV
                )
        except OSError as error:
            raise EdgeletError(
                "FailedMount", f"cannot mount the pod's tmpfs: {_words(error)}", retry_after=_RETRY
            ) from error

    def _carry_out(self, uid: str, step: FileStep, root: int) -> str | None:
        """Do one step; return its path if it changed something."""
        match step:
            case (
                EmptyDirectory()
                | MemoryDirectory()
                | HugePagesDirectory()
                | HostDirectory()
                | Payload()
                | ImageDirectory()
            ):
                try:
                    return step.path if self._set_up(uid, step, root) else None
                except OSError as error:
                    message = f'MountVolume.SetUp failed for volume "{step.volume}" : {_words(error)}'
                    raise EdgeletError("FailedMount", message, retry_after=_RETRY) from error
            case SubPath():
                target = self._confined(step.target, self._paths.volatile(uid))
                try:
                    return step.target if self._pin(step, target, root) else None
                except OSError as error:
                    # The kubelet's words: why it failed would tell the pod's author about the host's files.
                    message = (
                        f'failed to prepare subPath for volumeMount "{step.volume}" of container "{step.container}"'
                    )
                    raise EdgeletError("CreateContainerConfigError", message, retry_after=_RETRY) from error
            case HostsFile() | TerminationLog() | LogDirectory():
                try:
                    return step.path if self._write(uid, step, root) else None
                except OSError as error:
                    message = f"cannot write {step.path}: {_words(error)}"
                    raise EdgeletError("CreateContainerConfigError", message, retry_after=_RETRY) from error
            case _ as never:
                assert_never(never)

    def _set_up(self, uid: str, step: VolumeStep | ImageDirectory, root: int) -> bool:
        match step:
            case HostDirectory(path=path, type=kind, within=within, make=make):
                return host_directories.prepare(path, kind, within, make=make)
            case EmptyDirectory(path=path, gid=gid):
                return container_files.make_empty(self._confined(path, self._paths.durable(uid)), gid, root=root)
            case MemoryDirectory(path=path, gid=gid, size_bytes=size_bytes):
                place = self._confined(path, self._paths.volatile(uid))
                return memory_directories.make(place, size_bytes, gid, root=root)
            case HugePagesDirectory(path=path):
                place = self._confined(path, self._paths.volatile(uid))
                return memory_directories.make_of_huge_pages(place, step, root=root)
            case ImageDirectory(path=path, layers=layers):
                return image_directories.make(self._confined(path, self._paths.volatile(uid)), layers)
            case Payload(path=path, files=files, gid=gid):
                place = self._confined(path, self._paths.volatile(uid))
                return payload_directory.write(place, files, gid=gid, root=root)
            case _ as never:
                assert_never(never)

    def _pin(self, step: SubPath, target: Path, root: int) -> bool:
        own = any(step.volume_path.startswith(f"{one}/") for one in self._roots())
        pin = sub_paths.pin_tree_read_only if step.recursive_read_only else sub_paths.pin
        owner = (root if own else 0) if step.make else None
        return pin(step.volume_path, step.sub_path, target, root=owner)

    def _write(self, uid: str, step: HostsFile | TerminationLog | LogDirectory, root: int) -> bool:
        match step:
            case HostsFile(path=path):
                self._confined(path, self._paths.volatile(uid))
                return container_files.write_hosts(step, self._node_hosts_file, root=root)
            case TerminationLog(path=path):
                return container_files.make_termination_log(self._confined(path, self._paths.volatile(uid)), root=root)
            case LogDirectory(path=path, instance=instance):
                return container_files.make_log_directory(self._confined(path, self._paths.logs), instance)
            case _ as never:
                assert_never(never)

    def _resolv_conf(self) -> str:
        text = container_files.small_text(self._resolv_conf_file)
        stub = any(line.split()[:2] == ["nameserver", _STUB_RESOLVER] for line in text.splitlines())
        return (container_files.small_text(_RESOLVED_CONF) or text) if stub else text

    def _remove(self, uid: str, *, logs: bool) -> None:
        _check_uid(uid)
        volatile, durable = self._paths.volatile(uid), self._paths.durable(uid)
        try:
            _unmount_all(volatile, durable)
            _remove_tree(volatile)
            _remove_tree(durable)
            for directory in _log_directories(self._paths.logs, uid) if logs else ():
                shutil.rmtree(directory)
        except (OSError, subprocess.SubprocessError) as error:
            message = f"cannot remove the files of pod {uid}: {_words(error)}"
            raise EdgeletError("FailedUnMount", message, retry_after=_RETRY) from error

    def _list(self) -> frozenset[str]:
        volatile, durable = Path(self._paths.volatile("x")).parent, Path(self._paths.durable("x")).parent
        found = [*_names(volatile), *_names(durable)]
        found += [name.rpartition("_")[2] for name in _names(Path(self._paths.logs)) if name.count("_") >= 2]  # noqa: PLR2004  ns_pod_uid
        return frozenset(uid for uid in found if _UID.fullmatch(uid))

    def _roots(self) -> tuple[str, ...]:
        return f"{self._paths.run}/pods", self._paths.volumes, self._paths.logs

    def _confined(self, path: str, *roots: str) -> Path:
        """Refuse what is not below one of the roots: names in it come from outside."""
        if os.path.normpath(path) != path or not any(path.startswith(f"{root}/") for root in roots):
            raise EdgeletError("InternalError", f"{path!r} is not inside {' or '.join(roots)}")
        return Path(path)


def _unmount_all(*roots: str) -> None:
    """Unmount what the pod has, and what it mounted inside its volumes itself: never delete through a mount."""
    for point in mounts.mounted_below(*roots):
        mounts.unmount(point)
    if left := mounts.mounted_below(*roots):
        raise OSError(f"{left[0]} is still mounted")


def _read_in_volume(volume: str, path: str, limit_bytes: int) -> bytes | None:
    try:
        return sub_paths.read(volume, path, limit_bytes)
    except FileNotFoundError:
        return None
    except OSError as error:
        message = f'failed to read "{path}" of a volume: {error.strerror or error}'
        raise EdgeletError("CreateContainerConfigError", message, retry_after=_RETRY) from error


def _image_groups(layers: Sequence[str], user: str) -> tuple[int, ...]:
    try:
        return image_groups.of_user(layers, user)
    except OSError as error:
        message = f"cannot read the groups of user {user} in the image: {_words(error)}"
        raise EdgeletError("CreateContainerConfigError", message, retry_after=_RETRY) from error


def _remove_tree(path: str) -> None:
    """Remove a directory that a container may have filled.

    By rm: it stays on one file system and copes with trees of any depth, which a recursion in here does not.
    """
    try:
        Path(path).rmdir()
    except FileNotFoundError:
        return
    except OSError:
        done = subprocess.run(
            ["rm", "-rf", "--one-file-system", "--", path],
            check=False, capture_output=True, timeout=_REMOVE_TIMEOUT_S, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if done.returncode != 0:
            raise OSError(done.stderr.decode(errors="replace").strip()[:500]) from None


def _log_directories(logs: str, uid: str) -> list[Path]:
    return [Path(logs) / name for name in _names(Path(logs)) if name.endswith(f"_{uid}")]


def _names(directory: Path) -> list[str]:
    try:
        return os.listdir(directory)  # noqa: PTH208  names are all that is needed
    except FileNotFoundError:
        return []


def _check_uid(uid: str) -> None:
    if not _UID.fullmatch(uid):
        raise EdgeletError("InternalError", f"{uid[:80]!r} is no pod uid")


def _words(error: Exception) -> str:
    """Return the text of an error without its number: `open /a/b: No such file or directory`."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


async def _in_thread(work: Callable[[], Result]) -> Result:
    """Run blocking work in a thread; a cancelled caller waits for its end, so that nothing overlaps."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        task.cancelled() or task.exception()  # it was heard: no complaint about an error nobody fetched
        raise
