"""Seeing to it that a container's image is here, as its pull policy says."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import Protocol

from edgelet.api.container import Container
from edgelet.api.errors import DamagedImageError, EdgeletError, ImageError
from edgelet.pods import image_backoff
from edgelet.pods.image_access import ImageAccess, Tell
from edgelet.pods.image_repair import ImageRepair
from edgelet.pods.memory import ContainerMemory, ImageFailed, ImagePresent
from edgelet.pods.restart_backoff import BackoffSettings
from edgelet.ports.clock import Clock
from edgelet.ports.images import Credential, ImageInfo, Images
from edgelet.ports.object_store import Ledger

_PRESENT = 'Container image "{image}" already present on machine and can be accessed by the pod'
_NEVER = (
    'Container image "{image}" is not present with pull policy of Never',
    'Container image "{image}" is present, and with pull policy of Never the pod cannot show that it may use it',
)
_PULL_FAILED = ("Failed", 'Failed to pull image "{image}": {why}')
# The event that says what is the matter, before the one that names the reason alone.
_TOLD = {
    "ErrImagePull": _PULL_FAILED,
    "RegistryUnavailable": _PULL_FAILED,
    "SignatureValidationFailed": _PULL_FAILED,
    "ErrImageNeverPull": ("ErrImageNeverPull", "{why}"),
    "InvalidImageName": ("InspectFailed", 'Failed to apply default image tag "{image}": {why}'),
    "ImageInspectError": ("InspectFailed", 'Failed to inspect image "{image}": {why}'),
}


class Told(Protocol):
    """Takes the events of one pod."""

    def __call__(self, reason: str, message: str, *, container: str = "", warning: bool = False) -> None:
        """Record one."""
        ...


def make(images: Images, ledger: Ledger, *, clock: Clock, backoff: BackoffSettings, tell: Tell) -> ImageFetch:
    """Return what looks for images; `ledger` keeps which pods may use them, `tell` takes what concerns no one pod."""
    access = ImageAccess(ledger, images, clock, tell=tell)
    return ImageFetch(images, clock, backoff, ImageRepair(images, access, clock), access)


@dataclass(frozen=True, slots=True)
class ImageFetch:
    """One look for one image."""

    images: Images
    clock: Clock
    backoff: BackoffSettings
    repairs: ImageRepair
    access: ImageAccess

    async def fetch(
        self, container: Container, known: ContainerMemory, *, credentials: tuple[Credential, ...], told: Told
    ) -> ContainerMemory:
        """Return the container's memory with the image's new state. Never raises EdgeletError: a failure is a state.

        Source: Kubernetes pkg/kubelet/images/image_manager.go EnsureImageExists.
        """
        image = container.image or ""
        if isinstance(known.image, ImageFailed) and self.clock.monotonic_s() < known.image.retry_at_s:
            return await self._look(container, known, known.image, credentials=credentials, told=told)
        try:
            info = await self.ensure(container, image, credentials=credentials, told=told)
        except EdgeletError as error:
            failed = self.failed(image, error, container=container, delay_s=known.pull_delay_s, told=told)
            return replace(known, image=failed, pull_delay_s=failed.retry_at_s - failed.failed_s)
        return replace(known, image=ImagePresent(info), pull_delay_s=0.0)

    async def ensure(
        self, container: Container, image: str, *, credentials: tuple[Credential, ...], told: Told
    ) -> ImageInfo:
        """Return the image as the container's pull policy has it; one that came by another's login is asked for anew.

        Raises:
            EdgeletError: It cannot be had.
        """
        found: ImageInfo | None = None
        if container.image_pull_policy != "Always":
            found = await self._find(container, image, credentials=credentials, told=told)
        if found is not None and await self.access.allowed(image, found, credentials):
            told("Pulled", _PRESENT.format(image=image), container=container.name)
            return found
        if container.image_pull_policy == "Never":
            raise ImageError("ErrImageNeverPull", _NEVER[found is not None].format(image=image))
        told("Pulling", f'Pulling image "{image}"', container=container.name)
        began_s = self.clock.monotonic_s()
        info = await self.access.pull(image, credentials)
        took_s = self.clock.monotonic_s() - began_s
        told(
            "Pulled",
            f'Successfully pulled image "{image}" in {took_s:.3g}s. Image size: {info.size_bytes} bytes.',
            container=container.name,
        )
        return info

    async def _look(
        self,
        container: Container,
        known: ContainerMemory,
        failed: ImageFailed,
        *,
        credentials: tuple[Credential, ...],
        told: Told,
    ) -> ContainerMemory:
        """See whether the image came by another way while its pull is held back."""
        image, found = container.image or "", None
        with contextlib.suppress(EdgeletError):  # what is wrong with it is told when its pull is due
            found = await self.images.find(image)
        if found is not None and await self.access.allowed(image, found, credentials):
            told("Pulled", _PRESENT.format(image=container.image), container=container.name)
            return replace(known, image=ImagePresent(found), pull_delay_s=0.0)
        next_s = image_backoff.look_at_s(
            policy=container.image_pull_policy,
            reason=failed.reason,
            retry_at_s=failed.retry_at_s,
            now_s=self.clock.monotonic_s(),
        )
        return replace(known, image=replace(failed, look_at_s=next_s))

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
        reason, message = error.reason, error.message
        if (words := _TOLD.get(reason)) is not None:
            told(words[0], words[1].format(image=image, why=message), container=container.name, warning=True)
        told("Failed", f"Error: {reason}", container=container.name, warning=True)
        retry_at_s = now_s + delay_s
        look_at_s = image_backoff.look_at_s(
            policy=container.image_pull_policy, reason=reason, retry_at_s=retry_at_s, now_s=now_s
        )
        return ImageFailed(reason, message, failed_s=now_s, retry_at_s=retry_at_s, look_at_s=look_at_s)
