"""What a pod may have on disk: emptyDir.sizeLimit, and limits of ephemeral-storage. Pure.

Source: Kubernetes pkg/kubelet/eviction/eviction_manager.go localStorageEviction; the messages end in a space there too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgelet.api.pod import Pod
from edgelet.api.quantity import Quantity
from edgelet.pods import container_spec, critical, log_paths, references, resources
from edgelet.pods.eviction import Eviction
from edgelet.ports.pod_files import PodPaths
from edgelet.ports.runtime import ObservedPod, Running

_RESOURCE = "ephemeral-storage"
_GRACE_S = 1.0  # immediateEvictionGracePeriodSeconds


@dataclass(frozen=True, slots=True)
class Places:
    """The directories that count, by volume and by container."""

    volumes: Mapping[str, str]
    containers: Mapping[str, tuple[str, ...]]  # writable layer, logs

    def all(self) -> tuple[str, ...]:
        """Return every directory."""
        return (*self.volumes.values(), *(path for paths in self.containers.values() for path in paths))


def limited(pod: Pod) -> bool:
    """Whether anything of the pod's has a limit that is to be watched; a critical pod is never evicted."""
    if critical.is_critical(pod):
        return False
    return bool(_volume_limits(pod)) or resources.pod_storage_limit(pod) is not None


def places(pod: Pod, seen: ObservedPod | None, *, paths: PodPaths) -> Places:
    """Return what to measure. Without a limit of storage, the volumes that have one are enough."""
    whole = resources.pod_storage_limit(pod) is not None
    limits = _volume_limits(pod)
    on_disk = [one.name for one in references.mounted_volumes(pod) if one.empty_dir and not one.empty_dir.medium]
    volumes = {name: paths.empty_directory(pod.metadata.uid, name) for name in on_disk if whole or name in limits}
    containers: dict[str, tuple[str, ...]] = {}
    for one in seen.containers if seen and whole else ():
        if isinstance(one.state, Running):
            logs = log_paths.directory(paths.logs, container_spec.reference(pod), one.name)
            containers[one.name] = (*((one.layer_path,) if one.layer_path else ()), logs)
    return Places(volumes, containers)


def exceeded(pod: Pod, places: Places, used_bytes: Mapping[str, int]) -> Eviction | None:
    """Return the end of a pod that has more on disk than it may; None while it keeps to its limits."""
    for name, limit in _volume_limits(pod).items():
        if used_bytes.get(places.volumes.get(name, ""), 0) > limit.to_bytes():
            return _evicted(f'Usage of EmptyDir volume "{name}" exceeds the limit "{limit}". ')
    total = sum(used_bytes.get(path, 0) for path in places.all())
    whole = resources.pod_storage_limit(pod)
    if whole is not None and total > whole.to_bytes():
        return _evicted(f"Pod ephemeral local storage usage exceeds the total limit of containers {whole}. ")
    for container in pod.spec.containers:
        limit = container.resources.limits.get(_RESOURCE, Quantity(0))
        used = sum(used_bytes.get(path, 0) for path in places.containers.get(container.name, ()))
        if limit > Quantity(0) and used > limit.to_bytes():
            return _evicted(f'Container {container.name} exceeded its local ephemeral storage limit "{limit}". ')
    return None


def _evicted(message: str) -> Eviction:
    return Eviction("Evicted", message, grace_s=_GRACE_S)


def _volume_limits(pod: Pod) -> dict[str, Quantity]:
    return {
        one.name: one.empty_dir.size_limit
        for one in references.mounted_volumes(pod)
        if one.empty_dir and not one.empty_dir.medium and one.empty_dir.size_limit
        if one.empty_dir.size_limit > Quantity(0)
    }
