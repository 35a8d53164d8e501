"""Looks for images beside everything else that a worker does; they outlive its rounds, not the worker."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from edgelet.api.pod import Pod
from edgelet.pods.memory import ContainerMemory, ImageFetching, Memory

log = logging.getLogger(__name__)

Fetch = Callable[[Pod, str, ContainerMemory], Awaitable[ContainerMemory]]


class ImageFetches:
    """The looks of one pod.

    Args:
        uid: The pod's.
        fetch: Looks for a container's image; a failure is part of what it returns.
        memory: The worker's, as it is now.
        keep: Takes the worker's memory with a result in it.
        wake: Hears that there is a result.
    """

    def __init__(
        self,
        uid: str,
        *,
        fetch: Fetch,
        memory: Callable[[], Memory],
        keep: Callable[[Memory], None],
        wake: Callable[[], None],
    ) -> None:
        self._uid = uid
        self._fetch = fetch
        self._memory = memory
        self._replace = keep
        self._wake = wake
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, pod: Pod, name: str) -> None:
        """Begin to look for the image of a container."""
        known = self._memory().container(name)
        mine = ImageFetching(known.image_failure)
        self._keep(name, replace(known, image=mine))

        async def look() -> None:
            found = await self._fetch(pod, name, known)
            now = self._memory().container(name)
            if now.image is not mine:  # the specification changed meanwhile: this is the image that was wanted before
                return
            self._keep(name, replace(now, image=found.image, pull_delay_s=found.pull_delay_s))
            self._wake()

        task = asyncio.create_task(look(), name=f"image/{self._uid}/{name}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def close(self) -> None:
        """Break off what is under way."""
        for task in tuple(self._tasks):
            task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a defect in the image fetch", exc_info=error, extra={"pod_uid": self._uid})
            self._wake()

    def _keep(self, name: str, known: ContainerMemory) -> None:
        memory = self._memory()
        self._replace(replace(memory, containers={**memory.containers, name: known}))
