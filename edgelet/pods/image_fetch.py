"""Seeing to it that a container's image is here, as its pull policy says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from edgelet.api.container import Container
from edgelet.api.errors import DamagedImageError, EdgeletError, ImageError
from edgelet.pods import image_backoff
from edgelet.pods.image_repair import ImageRepair
from edgelet.pods.memory import ContainerMemory, ImageFailed, ImagePresent
from edgelet.pods.restart_backoff import BackoffSettings
from edgelet.ports.clock import Clock
from edgelet.ports.images import Credential, ImageInfo, Images


class Told(Protocol):
    """Takes the events of one pod."""

    def __call__(self, reason: str, message: str, *, container: str = "", warning: bool = False) -> None:
        """Record one."""
        ...


@dataclass(frozen=True, slots=True)
class ImageFetch:
    """One look for one image."""

    images: Images
    clock: Clock
    backoff: BackoffSettings
    repairs: ImageRepair

    async def fetch(
        self, container: Container, known: ContainerMemory, *, credentials: tuple[Credential, ...], told: Told
    ) -> ContainerMemory:
        """Return the container's memory with the image's new state. Never raises EdgeletError: a failure is a state.

        Source: Kubernetes pkg/kubelet/images/image_manager.go EnsureImageExists.
        """
        image = container.image or ""
        try:
            info = await self.ensure(container, image, credentials=credentials, told=told)
        except EdgeletError as error:
            failed = self.failed(image, error, container=container, delay_s=known.pull_delay_s, told=told)
            return replace(known, image=failed, pull_delay_s=failed.retry_at_s - failed.failed_s)
        return replace(known, image=ImagePresent(info), pull_delay_s=0.0)

    async def ensure(
        self, container: Container, image: str, *, credentials: tuple[Credential, ...], told: Told
    ) -> ImageInfo:
        """Return the image as the container's pull policy has it.

        Raises:
            EdgeletError: It cannot be had.
        """
        if container.image_pull_policy != "Always" and (
            found := await self._find(container, image, credentials=credentials, told=told)
        ):
            told(
                "Pulled",
                f'Container image "{image}" already present on machine and can be accessed by the pod',
                container=container.name,
            )
            return found
        if container.image_pull_policy == "Never":
            raise ImageError("ErrImageNeverPull", f'Container image "{image}" is not present with pull policy of Never')
        told("Pulling", f'Pulling image "{image}"', container=container.name)
        began_s = self.clock.monotonic_s()
        info = await self.images.pull(image, credentials)
        took_s = self.clock.monotonic_s() - began_s
        told(
            "Pulled",
            f'Successfully pulled image "{image}" in {took_s:.3g}s. Image size: {info.size_bytes} bytes.',
            container=container.name,
        )
        return info

    async def _find(
        self, container: Container, image: str, *, credentials: tuple[Credential, ...], told: Told
    ) -> ImageInfo | None:
        """Look whether it is here; one that is here and damaged is repaired first."""
        try:
            return await self.images.find(image)
        except DamagedImageError as error:
            if not await self.repair(container, error, credentials=credentials, told=told):
                raise
        return await self.images.find(image)

    async def repair(
        self, container: Container, damage: DamagedImageError, *, credentials: tuple[Credential, ...], told: Told
    ) -> bool:
        """Fetch a damaged image anew and tell it; whether it is worth trying again at once."""
        failed_s = self.clock.monotonic_s()
        try:
            outcome = await self.repairs.repair(container, failed_s=failed_s, credentials=credentials)
        except EdgeletError as error:
            message = f'Image "{container.image}" is damaged ({damage.message}); {error.message}'
            told("FailedImageRepair", message, container=container.name, warning=True)
            return False
        if outcome == "done":
            message = f'Image "{container.image}" was damaged and was fetched anew: {damage.message}'
            told("ImageRepaired", message, container=container.name, warning=True)
        return outcome != "too soon"

    def failed(
        self, image: str, error: EdgeletError, *, container: Container, delay_s: float, told: Told
    ) -> ImageFailed:
        """Tell that an image could not be had, and return when it is tried again.

        Args:
            image: Its name.
            error: Why.
            container: Who is told of in the events.
            delay_s: The wait after the failure before, 0 after none.
            told: Takes the events.
        """
        now_s = self.clock.monotonic_s()
        delay_s = image_backoff.next_delay_s(delay_s, self.backoff)
        if not isinstance(error, ImageError) and error.retry_after is not None:
            delay_s = error.retry_after.total_seconds()  # the engine was away: that says nothing about the image
        message = error.message
        if error.reason == "ErrImagePull":
            told("Failed", f'Failed to pull image "{image}": {message}', container=container.name, warning=True)
        told("Failed", f"Error: {error.reason}", container=container.name, warning=True)
        if image_backoff.waits(error.reason):
            told("BackOff", f'Back-off pulling image "{image}"', container=container.name)
        return ImageFailed(error.reason, message, failed_s=now_s, retry_at_s=now_s + delay_s)
