"""The volumes of a pod: what must exist on the board before its containers start. Pure.

Source: Kubernetes pkg/volume/*, pkg/kubelet/volumemanager; messages are the kubelet's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from edgelet.api import huge_pages
from edgelet.api.container import Container
from edgelet.api.errors import EdgeletError
from edgelet.api.pod import Pod
from edgelet.api.quantity import Quantity
from edgelet.api.volume import EmptyDirVolume, HostPathVolume, Volume
from edgelet.pods import references, resources, volume_payloads
from edgelet.pods.node_facts import NodeFacts
from edgelet.pods.references import Objects
from edgelet.ports.pod_files import (
    EmptyDirectory,
    HostBound,
    HostDirectory,
    HugePagesDirectory,
    MemoryDirectory,
    Payload,
    PodPaths,
    VolumeStep,
)


@dataclass(frozen=True, slots=True)
class MountableVolume:
    """What a container binds. `read_only`: whatever the mount says. Without `make` no subPath of it is made."""

    path: str
    read_only: bool = False
    make: bool = True


@dataclass(frozen=True, slots=True)
class VolumePlan:
    """Steps for `PodFiles.prepare`, and where each volume will be."""

    steps: tuple[VolumeStep, ...] = ()
    volumes: Mapping[str, MountableVolume] = field(default_factory=dict)

    @property
    def payloads(self) -> tuple[Payload, ...]:
        """The steps that are repeated while the pod runs, when its objects, labels or annotations change."""
        return tuple(step for step in self.steps if isinstance(step, Payload))


HostBounds = Mapping[str, HostBound]  # by volume; one that is not there: links may lead anywhere


def plan(
    pod: Pod, *, paths: PodPaths, objects: Objects, node: NodeFacts, host_bounds: HostBounds | None = None
) -> VolumePlan:
    """Return what the pod's volumes need. Volumes that no container mounts are ignored.

    Raises:
        EdgeletError: FailedMount, for the first volume that cannot be: an object is missing (it is tried again when
            one changes), a path is none, the source is not supported.
    """
    steps: list[VolumeStep] = []
    for volume in references.mounted_volumes(pod):
        if volume.image is not None:
            continue  # fetched and laid out for each container that mounts it
        try:
            if volume.host_path:
                steps.append(_host_directory(volume, volume.host_path, host_bounds or {}))
            else:
                steps.append(_step(volume, pod, paths=paths, objects=objects, node=node))
        except ValueError as error:
            message = f'MountVolume.SetUp failed for volume "{volume.name}" : {error}'
            raise EdgeletError("FailedMount", message) from error
    return VolumePlan(steps=tuple(steps), volumes=places(pod, paths=paths, host_bounds=host_bounds))


def places(pod: Pod, *, paths: PodPaths, host_bounds: HostBounds | None = None) -> dict[str, MountableVolume]:
    """Return where the pod's mounted volumes are, once prepared.

    Asks for no object: a container whose ConfigMap was deleted meanwhile restarts with the files it had.
    """
    mounted = (one for one in references.mounted_volumes(pod) if one.image is None)
    found = {volume.name: _place(volume, pod.metadata.uid, paths) for volume in mounted}
    kept = (name for name, bound in (host_bounds or {}).items() if name in found and not bound.make)
    return found | {name: replace(found[name], make=False) for name in kept}


def bounded(pod: Pod, container: Container, host_bounds: HostBounds) -> tuple[HostDirectory, ...]:
    """Return what of the board is looked at again before each start: a pod that ran may have put a link in its way."""
    mounted = {mount.name for mount in container.volume_mounts} & host_bounds.keys()
    return tuple(
        _host_directory(volume, volume.host_path, host_bounds)
        for volume in pod.spec.volumes
        if volume.host_path and volume.name in mounted
    )


def _host_directory(volume: Volume, source: HostPathVolume, host_bounds: HostBounds) -> HostDirectory:
    """Return the step for a hostPath. fsGroup never touches the host's own files."""
    step = HostDirectory(volume=volume.name, path=source.path, type=source.type or "")
    bound = host_bounds.get(volume.name)
    return step if bound is None else replace(step, within=bound.within, make=bound.make)


def _place(volume: Volume, uid: str, paths: PodPaths) -> MountableVolume:
    if volume.host_path:
        return MountableVolume(volume.host_path.path)
    if _is_payload(volume):
        return MountableVolume(paths.payload(uid, volume.name), read_only=True)
    if volume.empty_dir and volume.empty_dir.medium:
        return MountableVolume(paths.memory_directory(uid, volume.name))
    return MountableVolume(paths.empty_directory(uid, volume.name))


def _is_payload(volume: Volume) -> bool:
    return bool(volume.config_map or volume.secret or volume.projected or volume.downward_api)


def _step(volume: Volume, pod: Pod, *, paths: PodPaths, objects: Objects, node: NodeFacts) -> VolumeStep:
    path = _place(volume, pod.metadata.uid, paths).path
    gid = pod.spec.security_context.fs_group if pod.spec.security_context else None
    if _is_payload(volume):
        files = volume_payloads.files(volume, pod, objects=objects, node=node)
        return Payload(volume=volume.name, path=path, files=files, gid=gid)
    if volume.empty_dir or not _has_source(volume):
        source = volume.empty_dir or EmptyDirVolume()
        match source.medium or "":
            case "":
                return EmptyDirectory(volume=volume.name, path=path, gid=gid)
            case "Memory":
                size_bytes = _memory_bytes(source.size_limit, pod, node)
                return MemoryDirectory(volume=volume.name, path=path, size_bytes=size_bytes, gid=gid)
            case medium if huge_pages.is_medium(medium):
                size_bytes = source.size_limit.to_bytes() if source.size_limit else 0
                page = _page_bytes(medium, pod)
                return HugePagesDirectory(volume.name, path, page_bytes=page, size_bytes=size_bytes, gid=gid)
            case medium:
                raise ValueError(f'unknown storage medium "{medium}"')
    raise ValueError("this kind of volume is not supported on this node")


def _has_source(volume: Volume) -> bool:
    return any(value is not None for name, value in volume if name != "name")


def _page_bytes(medium: str, pod: Pod) -> int:
    """Return the page size of an emptyDir of huge pages: what its medium names, or the only one the pod asks for.

    Source: pkg/volume/emptydir getPageSizeMountOption.
    """
    asked = {
        huge_pages.page_bytes(name)
        for container in references.containers(pod)
        for name in container.resources.requests
        if huge_pages.is_resource(name)
    }
    wanted = huge_pages.page_bytes(medium)
    found = asked & {wanted} if wanted else asked
    if not found:
        detail = "hugePages storage requested, but there is no resource request for huge pages"
        raise ValueError(f"medium {medium}: {detail}")
    if len(found) > 1:
        raise ValueError(f"medium: {medium} can't be used if container requests multiple huge page sizes")
    return found.pop()


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
