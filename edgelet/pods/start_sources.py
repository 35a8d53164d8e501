"""What a container's start needs of the board besides its own image: files of other images, environment files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from edgelet.api.container import Container
from edgelet.api.errors import EdgeletError
from edgelet.api.pod import Pod
from edgelet.pods import env_file, image_volumes, pull_secrets, security
from edgelet.pods.image_fetch import ImageFetch, Told
from edgelet.pods.memory import ImageFailed
from edgelet.pods.references import Objects
from edgelet.pods.volumes import MountableVolume
from edgelet.ports.images import ImageInfo
from edgelet.ports.pod_files import PodFiles


class VolumeImageError(EdgeletError):
    """The image of a volume cannot be had; `failed` says when it is tried again."""

    def __init__(self, failed: ImageFailed) -> None:
        super().__init__(failed.reason, failed.message)
        self.failed = failed


async def image_places(
    pod: Pod,
    container: Container,
    *,
    images: ImageFetch,
    files: PodFiles,
    objects: Objects,
    told: Told,
    known: Mapping[str, ImageFailed],
) -> dict[str, MountableVolume]:
    """Fetch and lay out what the container mounts of images; return where it is, by volume.

    One that could not be had is not asked for again before its time, whichever container of the pod mounts it.

    Raises:
        VolumeImageError: An image cannot be had.
        EdgeletError: It cannot be mounted.
    """
    found: dict[str, MountableVolume] = {}
    for name, source in image_volumes.of_container(pod, container):
        credentials, _ = pull_secrets.credentials(pod, objects)
        wanted, image = image_volumes.as_container(container, source), source.reference or ""
        before = known.get(image)
        if before is not None and before.retry_at_s > images.clock.monotonic_s():
            raise VolumeImageError(before)
        try:
            info = await images.ensure(wanted, image, credentials=credentials, told=told)
        except EdgeletError as error:
            delay_s = before.retry_at_s - before.failed_s if before is not None else 0.0
            failed = images.failed(image, error, container=wanted, delay_s=delay_s, told=told)
            raise VolumeImageError(replace(failed, volume_image=image, look_at_s=failed.retry_at_s)) from error
        step = image_volumes.directory(name, pod.metadata.uid, info, paths=files.paths)
        await files.prepare(pod.metadata.uid, (step,))
        found[name] = MountableVolume(step.path, read_only=True)
    return found


async def image_groups(pod: Pod, container: Container, image: ImageInfo, *, files: PodFiles) -> tuple[int, ...]:
    """Return the groups of the image that the container's user has besides.

    Raises:
        EdgeletError: CreateContainerConfigError: the image's files cannot be read.
    """
    user = security.user_of_image_groups(pod, container, image.user)
    return await files.image_groups(image.layers, user) if user else ()


async def env_files(
    container: Container, places: Mapping[str, MountableVolume], *, files: PodFiles
) -> dict[tuple[str, str], bytes | None]:
    """Return the environment files that the container's variables name, by volume and path; None: not there.

    Raises:
        EdgeletError: CreateContainerConfigError: it is something else than a file.
    """
    found: dict[tuple[str, str], bytes | None] = {}
    for one in env_file.wanted(container):
        if (place := places.get(one.volume_name)) is not None:
            found[one.volume_name, one.path] = await files.read_in_volume(place.path, one.path, env_file.LIMIT_BYTES)
    return found
