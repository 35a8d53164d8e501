"""Files of pods in memory: what was asked for is there, nothing touches the machine."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import assert_never

from edgelet.api.errors import EdgeletError
from edgelet.ports.pod_files import (
    USER_IDS,
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
)

_UID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,127}", re.ASCII)

PATHS = PodPaths(run="/run/edgelet", volumes="/var/lib/edgelet/volumes", logs="/var/log/pods")


class FakePodFiles:
    """`PodFiles` over two tables. Tests read and write `files`, and put errors into `failures` to be raised once."""

    def __init__(self, paths: PodPaths = PATHS) -> None:
        self._paths = paths
        self.files: dict[str, bytes] = {}
        self.directories: set[str] = set()
        self.host: dict[str, str] = {}  # path -> Directory, File, Socket ... of the node
        self.node_hosts = "127.0.0.1\tlocalhost\n"
        self.node_resolv_conf = "nameserver 192.0.2.53\n"
        self.failures: list[EdgeletError] = []
        self.prepared: list[tuple[str, tuple[FileStep, ...]]] = []
        self.removed: list[str] = []
        self.groups_of: dict[str, tuple[int, ...]] = {}  # by user, in every image that has layers
        self._uids: set[str] = set()
        self.ids: dict[str, int] = {}  # uid -> the first of the users of a pod

    @property
    def paths(self) -> PodPaths:
        return self._paths

    async def user_ids(self, uid: str) -> int:
        if not _UID.fullmatch(uid):
            raise EdgeletError("InternalError", f"{uid!r} is no pod uid")
        if self.failures:
            raise self.failures.pop(0)
        self._uids.add(uid)
        free = next(first for first in range(USER_IDS, 2**31, USER_IDS) if first not in self.ids.values())
        return self.ids.setdefault(uid, free)

    async def prepare(self, uid: str, steps: Sequence[FileStep]) -> frozenset[str]:
        if not _UID.fullmatch(uid):
            raise EdgeletError("InternalError", f"{uid!r} is no pod uid")
        self.prepared.append((uid, tuple(steps)))
        if self.failures:
            raise self.failures.pop(0)
        self._uids.add(uid)
        return frozenset(step.path for step in steps if not isinstance(step, SubPath) and self._do(uid, step)) | (
            frozenset(step.target for step in steps if isinstance(step, SubPath) and self._pin(uid, step))
        )

    async def read_tail(self, path: str, limit_bytes: int) -> bytes | None:
        self._confine(path, self._paths.run, self._paths.volumes, self._paths.logs)
        data = self.files.get(path)
        return data if data is None else data[-limit_bytes:]

    async def read_in_volume(self, volume_path: str, path: str, limit_bytes: int) -> bytes | None:
        self._confine(volume_path, self._paths.run, self._paths.volumes)
        whole = posixpath.normpath(f"{volume_path}/{path}")
        if not whole.startswith(f"{volume_path}/") or whole in self.directories:
            raise EdgeletError("CreateContainerConfigError", f'failed to read "{path}" of a volume')
        data = self.files.get(whole)
        if data is not None and len(data) > limit_bytes:
            raise EdgeletError("CreateContainerConfigError", f'failed to read "{path}" of a volume: too long')
        return data

    async def image_groups(self, layers: Sequence[str], user: str) -> tuple[int, ...]:
        return self.groups_of.get(user, ()) if layers else ()

    async def last_instances(self, log_directory: str) -> Mapping[str, int]:
        found: dict[str, int] = {}
        for path in self.files:
            folder, _, name = path.rpartition("/")
            parent, _, container = folder.rpartition("/")
            if parent == log_directory and (number := name.partition(".")[0]).isdigit():
                found[container] = max(found.get(container, 0), int(number))
        return found

    async def resolv_conf(self) -> str:
        return self.node_resolv_conf

    async def remove_volumes(self, uid: str) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.ids.pop(uid, None)
        kept = f"{self._paths.logs}/"
        self.files = {
            path: data for path, data in self.files.items() if path.startswith(kept) or not self._belongs(path, uid)
        }
        self.directories = {path for path in self.directories if path.startswith(kept) or not self._belongs(path, uid)}

    async def remove(self, uid: str) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.removed.append(uid)
        self.ids.pop(uid, None)
        self._uids.discard(uid)
        self.files = {path: data for path, data in self.files.items() if not self._belongs(path, uid)}
        self.directories = {path for path in self.directories if not self._belongs(path, uid)}

    async def list(self) -> frozenset[str]:
        logs = [path for path in (*self.files, *self.directories) if path.startswith(f"{self._paths.logs}/")]
        named = {path.removeprefix(f"{self._paths.logs}/").partition("/")[0].rpartition("_")[2] for path in logs}
        return frozenset(self._uids | named)

    def _do(self, uid: str, step: FileStep) -> bool:
        match step:
            case HostDirectory():
                return self._check_host(step)
            case EmptyDirectory(path=path):
                return self._make(self._confine(path, self._paths.durable(uid)))
            case MemoryDirectory(path=path) | HugePagesDirectory(path=path) | ImageDirectory(path=path):
                return self._make(self._confine(path, self._paths.volatile(uid)))
            case Payload(path=path, files=files):
                return self._show(self._confine(path, self._paths.volatile(uid)), step, dict(files))
            case HostsFile() | TerminationLog() | LogDirectory():
                return self._write(uid, step)
            case SubPath():
                return self._pin(uid, step)
            case _ as never:
                assert_never(never)

    def _write(self, uid: str, step: HostsFile | TerminationLog | LogDirectory) -> bool:
        self._confine(step.path, self._paths.volatile(uid), self._paths.logs)
        match step:
            case HostsFile(path=path):
                content = f"{step.head}{self.node_hosts if step.with_node_file else ''}{step.tail}".encode()
                changed = self.files.get(path) != content
                self.files[path] = content
                return changed
            case TerminationLog(path=path):
                folder, _, number = path.rpartition("/")
                self._prune(folder, int(number))
                return self.files.setdefault(path, b"") == b""
            case LogDirectory(path=path, instance=instance):
                self._prune(path, instance)
                return self._make(path)

    def _make(self, path: str) -> bool:
        made = path not in self.directories
        self.directories.add(path)
        return made

    def _show(self, path: str, step: Payload, files: dict[str, object]) -> bool:
        if any(".." in name.split("/") or name.startswith(("/", "..")) for name in files):
            message = f'MountVolume.SetUp failed for volume "{step.volume}" : invalid path'
            raise EdgeletError("FailedMount", message)
        made = self._make(path)
        wanted = {f"{path}/{posixpath.normpath(name)}": file.data for name, file in step.files.items()}
        before = {name: data for name, data in self.files.items() if name.startswith(f"{path}/")}
        self.files = {name: data for name, data in self.files.items() if name not in before} | wanted
        return made or before != wanted

    def _check_host(self, step: HostDirectory) -> bool:
        wanted = step.type.removesuffix("OrCreate") if step.type else "Directory"
        found = self.host.get(step.path)
        if found is None and step.make and (not step.type or step.type.endswith("OrCreate")):
            self.host[step.path] = wanted
            return True
        if found is not None and (not step.type or found == wanted):
            return False
        words = "doesn't exist" if found is None else f"is not what it should be, it's a {found}"
        message = f'MountVolume.SetUp failed for volume "{step.volume}" : hostPath {step.path} {words}'
        raise EdgeletError("FailedMount", message)

    def _pin(self, uid: str, step: SubPath) -> bool:
        target = self._confine(step.target, self._paths.volatile(uid))
        source = posixpath.normpath(f"{step.volume_path}/{step.sub_path}")
        leads_out = source != step.volume_path and not source.startswith(f"{step.volume_path}/")
        if leads_out or (not step.make and source not in {*self.files, *self.directories, *self.host}):
            message = f'failed to prepare subPath for volumeMount "{step.volume}" of container "{step.container}"'
            raise EdgeletError("CreateContainerConfigError", message)
        if source not in self.files:
            self.directories.add(source)
            return self._make(target)
        changed = self.files.get(target) != self.files[source]
        self.files[target] = self.files[source]
        return changed

    def _prune(self, folder: str, instance: int) -> None:
        for path in list(self.files):
            parent, _, name = path.rpartition("/")
            number = name.partition(".")[0]
            if parent == folder and number.isdigit() and int(number) < instance - 1:
                del self.files[path]

    def _belongs(self, path: str, uid: str) -> bool:
        in_logs = path.startswith(f"{self._paths.logs}/") and f"_{uid}/" in f"{path}/"
        return in_logs or f"{path}/".startswith((f"{self._paths.volatile(uid)}/", f"{self._paths.durable(uid)}/"))

    def _confine(self, path: str, *roots: str) -> str:
        if posixpath.normpath(path) != path or not any(path.startswith(f"{root}/") for root in roots):
            raise EdgeletError("InternalError", f"{path!r} is not inside {roots}")
        return path
