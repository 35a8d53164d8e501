"""What a container's start needs of the board besides its own image: files of other images, environment files."""

from __future__ import annotations

from collections.abc import Mapping

from edgelet.api.container import Container
from edgelet.api.pod import Pod
from edgelet.pods import env_file, image_volumes, pull_secrets, security
from edgelet.pods.image_fetch import ImageFetch, Told
from edgelet.pods.references import Objects
from edgelet.pods.volumes import MountableVolume
from edgelet.ports.images import ImageInfo
from edgelet.ports.pod_files import PodFiles


async def image_places(
    pod: Pod, container: Container, *, images: ImageFetch, files: PodFiles, objects: Objects, told: Told
) -> dict[str, MountableVolume]:
    """Fetch and lay out what the container mounts of images; return where it is, by volume.

    Raises:
        EdgeletError: An image cannot be had, or not be mounted.
    """
    found: dict[str, MountableVolume] = {}
    for name, source in image_volumes.of_container(pod, container):
        credentials, _ = pull_secrets.credentials(pod, objects)
        wanted = image_volumes.as_container(container, source)
        info = await images.ensure(wanted, source.reference or "", credentials=credentials, told=told)
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
