"""Volumes that are the files of an image: fetched when a container that mounts one starts, and laid out read-only.

Source: Kubernetes pkg/kubelet/kuberuntime/kuberuntime_manager.go getImageVolumes, KEP-4639.
"""

from __future__ import annotations

from collections.abc import Iterator

from edgelet.api.container import Container
from edgelet.api.errors import EdgeletError
from edgelet.api.pod import Pod
from edgelet.api.volume import ImageVolume
from edgelet.ports.images import ImageInfo
from edgelet.ports.pod_files import ImageDirectory, PodPaths

_ID_DIGITS = 12


def of_container(pod: Pod, container: Container) -> Iterator[tuple[str, ImageVolume]]:
    """Yield the image volumes that a container mounts, by name, each once."""
    mounted = {mount.name for mount in container.volume_mounts}
    yield from ((one.name, one.image) for one in pod.spec.volumes if one.image is not None and one.name in mounted)


def as_container(container: Container, source: ImageVolume) -> Container:
    """Return who the image is fetched for, in events and messages: the container that mounts it."""
    return container.replace(image=source.reference, image_pull_policy=source.pull_policy)


def directory(volume: str, uid: str, image: ImageInfo, *, paths: PodPaths) -> ImageDirectory:
    """Return the directory with the image's files; another image is another directory.

    Raises:
        EdgeletError: CreateContainerConfigError: the engine keeps images in a way that cannot be mounted.
    """
    if not image.layers:
        message = f'cannot mount the image of volume "{volume}": the engine\'s storage is not of the kind overlay'
        raise EdgeletError("CreateContainerConfigError", message)
    name = image.id.rpartition(":")[2][:_ID_DIGITS]
    return ImageDirectory(volume=volume, path=paths.image_directory(uid, volume, name), layers=image.layers)
