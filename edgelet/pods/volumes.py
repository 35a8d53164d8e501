"""The volumes of a pod: what must exist on the board before its containers start. Pure.

Source: Kubernetes pkg/volume/*, pkg/kubelet/volumemanager; messages are the kubelet's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgelet.api.errors import EdgeletError
from edgelet.api.pod import Pod
from edgelet.api.quantity import Quantity
from edgelet.api.volume import EmptyDirVolume, Volume
from edgelet.pods import references, resources, volume_payloads
from edgelet.pods.node_facts import NodeFacts
from edgelet.pods.references import Objects
from edgelet.ports.pod_files import EmptyDirectory, HostDirectory, MemoryDirectory, Payload, PodPaths, VolumeStep


@dataclass(frozen=True, slots=True)
class MountableVolume:
    """What a container binds. `read_only`: whatever the mount says."""

    path: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class VolumePlan:
    """Steps for `PodFiles.prepare`, and where each volume will be."""

    steps: tuple[VolumeStep, ...] = ()
    volumes: Mapping[str, MountableVolume] = field(default_factory=dict)

    @property
    def payloads(self) -> tuple[Payload, ...]:
        """The steps that are repeated while the pod runs, when its objects, labels or annotations change."""
        return tuple(step for step in self.steps if isinstance(step, Payload))


def plan(pod: Pod, *, paths: PodPaths, objects: Objects, node: NodeFacts) -> VolumePlan:
    """Return what the pod's volumes need. Volumes that no container mounts are ignored.

    Raises:
        EdgeletError: FailedMount, for the first volume that cannot be: an object is missing (it is tried again when
            one changes), a path is none, the source is not supported.
    """
    steps: list[VolumeStep] = []
    for volume in references.mounted_volumes(pod):
        try:
            steps.append(_step(volume, pod, paths=paths, objects=objects, node=node))
        except ValueError as error:
            message = f'MountVolume.SetUp failed for volume "{volume.name}" : {error}'
            raise EdgeletError("FailedMount", message) from error
    return VolumePlan(
        steps=tuple(steps),
        volumes={step.volume: MountableVolume(step.path, isinstance(step, Payload)) for step in steps},
    )


def _step(volume: Volume, pod: Pod, *, paths: PodPaths, objects: Objects, node: NodeFacts) -> VolumeStep:
    uid = pod.metadata.uid
    gid = pod.spec.security_context.fs_group if pod.spec.security_context else None
    if volume.host_path:
        # fsGroup never touches the host's own files
        return HostDirectory(volume=volume.name, path=volume.host_path.path, type=volume.host_path.type or "")
    if volume.config_map or volume.secret or volume.projected or volume.downward_api:
        files = volume_payloads.files(volume, pod, objects=objects, node=node)
        return Payload(volume=volume.name, path=paths.payload(uid, volume.name), files=files, gid=gid)
    if volume.empty_dir or not _has_source(volume):
        return _empty_dir(volume.name, volume.empty_dir or EmptyDirVolume(), pod, gid=gid, paths=paths, node=node)
    raise ValueError("this kind of volume is not supported on this node")


def _has_source(volume: Volume) -> bool:
    return any(value is not None for name, value in volume if name != "name")


def _empty_dir(
    name: str, source: EmptyDirVolume, pod: Pod, *, gid: int | None, paths: PodPaths, node: NodeFacts
) -> EmptyDirectory | MemoryDirectory:
    uid = pod.metadata.uid
    match source.medium or "":
        case "":
            return EmptyDirectory(volume=name, path=paths.empty_directory(uid, name), gid=gid)
        case "Memory":
            size_bytes = _memory_bytes(source.size_limit, pod, node)
            return MemoryDirectory(volume=name, path=paths.memory_directory(uid, name), size_bytes=size_bytes, gid=gid)
        case medium:
            raise ValueError(f'unknown storage medium "{medium}"')


def _memory_bytes(size_limit: Quantity | None, pod: Pod, node: NodeFacts) -> int:
    """Return the smallest of: the node's allocatable memory, the pod's memory limit, the volume's sizeLimit.

    Source: pkg/volume/emptydir calculateEmptyDirMemorySize.
    """
    bounds = (
        node.memory_allocatable_bytes,
        resources.pod_memory_limit_bytes(pod) or 0,
        size_limit.to_bytes() if size_limit else 0,
    )
    return min(bound for bound in bounds if bound > 0)
