"""A damaged image is fetched anew: one at a time, once for all pods that need it, and not over and over."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Literal

from edgelet.api.container import Container
from edgelet.api.errors import DamagedImageError, EdgeletError, ImageError
from edgelet.pods.image_access import ImageAccess
from edgelet.ports.clock import Clock
from edgelet.ports.images import Credential, Images

Outcome = Literal["done", "by another", "too soon"]
_LOCAL = "localhost/"
_FIRST_WAIT_S = 10.0
_MAX_WAIT_S = 3600.0
_KEPT = 256


@dataclass(frozen=True, slots=True)
class _Tried:
    at_s: float
    wait_s: float  # before the next try


class ImageRepair:
    """Shared by all pods."""

    def __init__(self, images: Images, access: ImageAccess, clock: Clock) -> None:
        self._images = images
        self._access = access
        self._clock = clock
        self._tried: dict[str, _Tried] = {}
        self._one = asyncio.Lock()

    async def repair(self, container: Container, *, failed_s: float, credentials: tuple[Credential, ...]) -> Outcome:
        """Bring the image anew, unless that was done since `failed_s` or tried a short while ago.

        The registry is asked first: what runs of the image is not ended for one that cannot be had.

        Raises:
            ImageError: It cannot be had: its policy is Never, it is of this board only, or the registry's reason.
        """
        image = container.image or ""
        async with self._one:
            now_s = self._clock.monotonic_s()
            before = self._tried.get(image)
            if before is not None and before.at_s >= failed_s:
                return "by another"
            if before is not None and now_s < before.at_s + before.wait_s:
                return "too soon"
            wait_s = min(_MAX_WAIT_S, before.wait_s * 2) if before else _FIRST_WAIT_S
            if len(self._tried) >= _KEPT:
                del self._tried[min(self._tried, key=lambda name: self._tried[name].at_s)]
            try:
                await self._renew(container, image, credentials)
            finally:
                self._tried[image] = _Tried(self._clock.monotonic_s(), wait_s)
            return "done"

    async def _renew(self, container: Container, image: str, credentials: tuple[Credential, ...]) -> None:
        if container.image_pull_policy == "Never" or image.startswith(_LOCAL):
            why = "its pull policy is Never" if container.image_pull_policy == "Never" else "no registry has it"
            raise ImageError(
                "ImageInspectError",
                f'cannot repair image "{image}": {why}; remove it (podman rmi --force) and load it again',
            )
        with contextlib.suppress(DamagedImageError):  # the registry has it; what is here stays damaged
            await self._access.pull(image, credentials)
        try:
            await self._images.discard(image)
        except EdgeletError as error:
            raise ImageError("ImageInspectError", f'cannot repair image "{image}": {error.message}') from error
        await self._access.pull(image, credentials)
