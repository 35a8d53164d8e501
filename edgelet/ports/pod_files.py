"""What pods have on disk: volumes, payloads of ConfigMaps and Secrets, /etc/hosts, termination logs, log directories.

What must exist is data (`FileStep`); the pure part of `pods/` makes the steps, an adapter carries them out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

USER_IDS = 65_536  # how many users a pod with a user namespace of its own has

HostPathType = Literal[
    "", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice"
]


@dataclass(frozen=True, slots=True)
class PodPaths:
    """Where the files of pods are: absolute directories that belong to the agent."""

    run: str  # volatile; each pod gets a tmpfs of its own below it
    volumes: str  # durable
    logs: str

    def volatile(self, uid: str) -> str:
        """The pod's own tmpfs: payloads, hosts file, termination logs, mount points."""
        return f"{self.run}/pods/{uid}"

    def durable(self, uid: str) -> str:
        """What of the pod survives a reboot."""
        return f"{self.volumes}/{uid}"

    def payload(self, uid: str, volume: str) -> str:
        """A configMap, secret, projected or downwardAPI volume."""
        return f"{self.volatile(uid)}/volumes/{volume}"

    def memory_directory(self, uid: str, volume: str) -> str:
        """An emptyDir of medium Memory or HugePages."""
        return f"{self.volatile(uid)}/memory/{volume}"

    def image_directory(self, uid: str, volume: str, image: str) -> str:
        """The files of an image."""
        return f"{self.volatile(uid)}/images/{volume}/{image}"

    def empty_directory(self, uid: str, volume: str) -> str:
        """An emptyDir on disk."""
        return f"{self.durable(uid)}/empty-dir/{volume}"

    def hosts_file(self, uid: str) -> str:
        """The /etc/hosts that the pod's containers share."""
        return f"{self.volatile(uid)}/etc-hosts"

    def termination_log(self, uid: str, container: str, instance: int) -> str:
        """The file behind terminationMessagePath."""
        return f"{self.volatile(uid)}/containers/{container}/{instance}"

    def sub_path(self, uid: str, container: str, index: int) -> str:
        """Where the subPath of a container's mount number `index` is pinned."""
        return f"{self.volatile(uid)}/sub-paths/{container}/{index}"


@dataclass(frozen=True, slots=True)
class EmptyDirectory:
    """An emptyDir on disk: made once (0777, setgid for `gid`), never touched again."""

    volume: str
    path: str
    gid: int | None = None


@dataclass(frozen=True, slots=True)
class MemoryDirectory:
    """An emptyDir on a tmpfs of its own, made once."""

    volume: str
    path: str
    size_bytes: int
    gid: int | None = None


@dataclass(frozen=True, slots=True)
class HugePagesDirectory:
    """An emptyDir of huge pages of one size, made once. `size_bytes` 0: as many as the pod may have."""

    volume: str
    path: str
    page_bytes: int
    size_bytes: int = 0
    gid: int | None = None


@dataclass(frozen=True, slots=True)
class ImageDirectory:
    """The files of an image: its layers over each other, read-only, nothing in them can be run. Made once."""

    volume: str
    path: str
    layers: tuple[str, ...]  # the uppermost first


@dataclass(frozen=True, slots=True)
class HostBound:
    """What the policy of the board says about a hostPath that it allows."""

    within: tuple[str, ...]  # links in the path may lead to these places and below
    make: bool = True  # False: it may only be read, so nothing is made in it


@dataclass(frozen=True, slots=True)
class HostDirectory:
    """A hostPath: checked, and made where its type says so."""

    volume: str
    path: str
    type: HostPathType = ""
    within: tuple[str, ...] = ()  # links in the path may lead to these places and below; none: anywhere
    make: bool = True  # False: never made, whatever its type says


@dataclass(frozen=True, slots=True)
class PayloadFile:
    """One file of a payload."""

    data: bytes = field(repr=False)  # may be a Secret's
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Payload:
    """A directory with exactly these files (relative path -> file), replaced as a whole and only if they differ.

    Readers see the old or the new set, never a mixture: the kubelet's `..data` symlink.
    """

    volume: str
    path: str
    files: Mapping[str, PayloadFile]
    gid: int | None = None


@dataclass(frozen=True, slots=True)
class SubPath:
    """A path inside a volume, pinned by a bind at `target`: what is swapped later in the volume has no effect.

    Symlinks are followed inside the volume only; one that leads out is refused. A missing path becomes a directory
    with the volume's mode. "" is the volume itself.
    """

    container: str
    volume: str
    volume_path: str
    sub_path: str
    target: str
    recursive_read_only: bool = False  # with all that is mounted in it at this moment, and nothing of it to be written
    make: bool = True  # False: a missing path is refused


@dataclass(frozen=True, slots=True)
class HostsFile:
    """The pod's /etc/hosts: `head`, the node's own file if `with_node_file`, `tail`. Written in place."""

    path: str
    head: str
    tail: str = ""
    with_node_file: bool = False


@dataclass(frozen=True, slots=True)
class TerminationLog:
    """An empty file that anybody may write; those of older instances than the one before are removed."""

    path: str  # ends with /<instance>


@dataclass(frozen=True, slots=True)
class LogDirectory:
    """A container's log directory; logs of older instances than the one before `instance` are removed."""

    path: str
    instance: int


VolumeStep = EmptyDirectory | MemoryDirectory | HugePagesDirectory | HostDirectory | Payload
FileStep = VolumeStep | ImageDirectory | SubPath | HostsFile | TerminationLog | LogDirectory


class PodFiles(Protocol):
    """The board's files for pods. Every call may be repeated, also after a crash in the middle of it.

    Paths of steps must lie inside the pod's own directories (or be a hostPath); anything else is refused. A call that
    is cancelled returns only when its work has stopped: no two calls for one pod overlap if one worker makes them.
    """

    @property
    def paths(self) -> PodPaths: ...

    async def user_ids(self, uid: str) -> int:
        """Give the pod a block of USER_IDS ids of the host, and return the first: its root is that user.

        No other pod has them as long as there are files of this one; it keeps its block over restarts. From then on
        what `prepare` makes belongs to the pod's root.

        Raises:
            EdgeletError: FailedMount: there is none left, or it cannot be recorded.
        """
        ...

    async def prepare(self, uid: str, steps: Sequence[FileStep]) -> frozenset[str]:
        """Carry out the steps in order, in one go; return the paths of what was made or changed.

        Raises:
            EdgeletError: FailedMount for a volume, CreateContainerConfigError for a container's files, with the
                kubelet's messages. Steps before the failed one stay done.
        """
        ...

    async def read_tail(self, path: str, limit_bytes: int) -> bytes | None:
        """Return the last bytes of a file inside the pods' directories; None if there is none."""
        ...

    async def read_in_volume(self, volume_path: str, path: str, limit_bytes: int) -> bytes | None:
        """Return a file of a volume of a pod's own; None if there is none.

        Containers may have made anything of the path: it is not followed out of the volume.

        Raises:
            EdgeletError: CreateContainerConfigError: it is no plain file, leads out of the volume, or is too long.
        """
        ...

    async def image_groups(self, layers: Sequence[str], user: str) -> tuple[int, ...]:
        """Return the groups that name a user (a name or a number) in the files of an image's layers, ascending.

        Raises:
            EdgeletError: CreateContainerConfigError: a layer cannot be read.
        """
        ...

    async def last_instances(self, log_directory: str) -> Mapping[str, int]:
        """Return the highest instance of each container that left a log in the pod's log directory."""
        ...

    async def resolv_conf(self) -> str:
        """Return the text of the node's resolver configuration ("" if it has none)."""
        ...

    async def remove_volumes(self, uid: str) -> None:
        """Unmount and remove everything of a pod but its logs. Nothing there is no error.

        Raises:
            EdgeletError: FailedUnMount; some of it is still there, trying again may help.
        """
        ...

    async def remove(self, uid: str) -> None:
        """Unmount and remove everything of a pod, logs too. Nothing there is no error.

        Raises:
            EdgeletError: FailedUnMount; some of it is still there, trying again may help.
        """
        ...

    async def list(self) -> frozenset[str]:
        """Return the uids of all pods that have files, also of pods nobody knows any more."""
        ...
