"""Keeps room on the disks: looks at them now and then, and makes room where the plan says so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Literal

from edgelet.api.errors import EdgeletError
from edgelet.node import disk_plan
from edgelet.node.disk_plan import ImageUse, SeenDisks, Thresholds
from edgelet.ports.clock import Clock
from edgelet.ports.disk_reserve import DiskReserve
from edgelet.ports.events import EventSink
from edgelet.ports.images import ImageInfo, Images
from edgelet.ports.object_store import Key, ObjectStore, StoredObject
from edgelet.ports.pod_files import PodFiles
from edgelet.ports.runtime import Runtime

log = logging.getLogger(__name__)

_COLLECTING_LOOK_S = 10.0
_NAMES_KEPT = 1024
_NOTHING_FOUND_S = 300.0  # so long nothing is looked for again where nothing was left to remove


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskPorts:
    """What disks are kept with."""

    store: ObjectStore
    images: Images
    runtime: Runtime
    files: PodFiles
    events: EventSink
    clock: Clock
    disks: Callable[[], SeenDisks]
    may_forget: Callable[[], bool]  # whether what belongs to no stored pod is known to be unwanted
    reserve: DiskReserve


class DiskUpkeep:
    """One look a turn; between turns whoever sees that the node is short of disk has room made."""

    def __init__(self, ports: DiskPorts, *, node: Key, thresholds: Thresholds) -> None:
        self._ports = ports
        self._node = node
        self._thresholds = thresholds
        self._first_seen_s: dict[str, float] = {}
        self._noted = False
        self._used_s: dict[str, float] = {}  # by what pods call the image
        self._ids: dict[str, str] = {}  # the same name -> id, as of the last look
        self._not_before_s = float("-inf")
        self._collecting = False  # between the high mark and the low one
        self._short = ""  # which file system is too full, as of the last look
        self._searched_after: frozenset[str] = frozenset()  # uids of pods that had to go
        self._one_at_a_time = asyncio.Lock()

    def note(self, images: tuple[ImageInfo, ...]) -> None:
        """Take note of images that were seen now; those of the first time are old.

        Source: Kubernetes pkg/kubelet/images/image_gc_manager.go Start.
        """
        now_s = self._ports.clock.monotonic_s() if self._noted else float("-inf")
        self._noted = True
        self._first_seen_s = {one.id: self._first_seen_s.get(one.id, now_s) for one in images}

    async def turn(self) -> float:
        """Look, collect images if need be; return after how many seconds to look again. Never raises EdgeletError."""
        look_s = self._thresholds.look_s
        self._note_use(self._ports.clock.monotonic_s())
        try:
            await self._look()
        except OSError as error:
            log.warning("cannot look at the disks", extra={"reason": "InternalError", "error": str(error)})
            return look_s
        return min(_COLLECTING_LOOK_S, look_s) if self._collecting else look_s

    async def make_room(self) -> None:
        """Remove what may go, since the node is short of disk, until it is no more. Never raises EdgeletError."""
        try:
            await self._look()
        except OSError as error:
            log.warning("cannot look at the disks", extra={"reason": "InternalError", "error": str(error)})

    async def _look(self) -> None:
        async with self._one_at_a_time:
            seen = self._ports.disks()
            self._notice(disk_plan.short(seen, self._thresholds, begun=bool(self._short)))
            too_large = disk_plan.images_too_large(seen, self._thresholds, begun=self._collecting)
            if self._short and (evicted := self._evicted()) != self._searched_after:
                self._searched_after = evicted  # what they leave may go
                self._not_before_s = float("-inf")
            if (self._short or too_large) and self._ports.clock.monotonic_s() >= self._not_before_s:
                self._ports.reserve.release()
                await self._remove_some(images=too_large)
            elif not self._short:
                self._ports.reserve.hold()
            self._collecting = self._images_too_large()

    def _note_use(self, now_s: float) -> None:
        names = self._names()
        if len(self._used_s) > _NAMES_KEPT:
            self._used_s = dict(sorted(self._used_s.items(), key=lambda item: item[1])[-_NAMES_KEPT // 2 :])
            self._ids = {name: one for name, one in self._ids.items() if name in self._used_s}
        self._used_s |= dict.fromkeys(names, now_s)

    def _notice(self, short: str) -> None:
        if self._short and not short:
            self._not_before_s = float("-inf")
        self._short = short

    async def _remove_some(self, *, images: bool) -> None:
        removed = []
        try:
            async for one in self._removals(images=images):
                removed.append(one)
                self._collecting = images
                if not disk_plan.short(seen := self._ports.disks(), self._thresholds, begun=True) and not (
                    images and disk_plan.images_too_large(seen, self._thresholds, begun=True)
                ):
                    break
            self._notice(disk_plan.short(self._ports.disks(), self._thresholds, begun=True))
        except (EdgeletError, OSError) as error:
            log.warning("cannot make room", extra={"reason": "FreeDiskSpaceFailed", "error": str(error)})
        if removed:
            self._event("Normal", "FreedDiskSpace", f"Removed {len(removed)}: {', '.join(removed)}")
        elif self._short:
            advice = "remove data or images that pods use, or take a larger disk"
            self._event(
                "Warning", "FreeDiskSpaceFailed", f"Nothing is left that may be removed: {self._short}; {advice}"
            )
        if not removed:
            self._not_before_s = self._ports.clock.monotonic_s() + (_NOTHING_FOUND_S if not self._young() else 0.0)

    async def _removals(self, *, images: bool) -> AsyncIterator[str]:
        """Remove one after the other, naming each, until the caller has enough."""
        pods = await self._ports.runtime.pods()
        for container in disk_plan.dead_containers(pods):
            await self._ports.runtime.remove_container(container)
            yield f"container {container[:12]}"
        if self._ports.may_forget():
            for uid in sorted(await self._ports.files.list() - {one.pod.uid for one in pods}):
                if uid not in {one.uid for one in self._ports.store.list("Pod")}:
                    await self._ports.files.remove(uid)
                    yield f"files of pod {uid}"
        for image in await self._removable() if images else ():
            if await self._remove(image):
                yield f"image {(*image.names, *image.digests, image.id)[0]}"

    async def _removable(self) -> tuple[ImageInfo, ...]:
        found = await self._ports.images.list()
        self.note(found)
        wanted: set[str] = set()
        for name in self._names(but_evicted=True):
            try:
                here = await self._ports.images.find(name)
            except EdgeletError:  # no image of this board, or no name at all: nobody can use it
                continue
            if here is not None:
                wanted.add(here.id)
                self._ids[name] = here.id
        uses = [
            ImageUse(info=one, first_seen_s=self._first_seen_s[one.id], used_s=self._last_used_s(one)) for one in found
        ]
        now_s = self._ports.clock.monotonic_s()
        return disk_plan.removable(uses, wanted=wanted, now_s=now_s, thresholds=self._thresholds)

    async def _remove(self, image: ImageInfo) -> bool:
        try:
            await self._ports.images.remove(image.id)
        except EdgeletError as error:
            if error.reason != "ImageInUse":
                log.warning("cannot remove an image", extra={"reason": "ImageGCFailed", "error": error.message})
            return False
        self._first_seen_s.pop(image.id, None)
        return True

    def _last_used_s(self, image: ImageInfo) -> float:
        known = (at_s for name, at_s in self._used_s.items() if self._calls(name, image))
        return max(known, default=float("-inf"))

    def _calls(self, name: str, image: ImageInfo) -> bool:
        if self._ids.get(name) == image.id or name in (image.id, *image.names, *image.digests):
            return True
        return any(one.endswith((f"/{name}", f"/{name}:latest")) for one in image.names)

    def _names(self, *, but_evicted: bool = False) -> set[str]:
        """Return what stored pods call their images.

        A pod that went because there was no room does not keep its images: else all others would go after it.
        """
        names: set[str] = set()
        for stored in self._ports.store.list("Pod"):
            if but_evicted and _was_evicted(stored):
                continue
            spec = stored.document.get("spec") or {}
            for part in ("initContainers", "containers", "ephemeralContainers"):
                names.update(str(one.get("image") or "") for one in spec.get(part) or ())
            names.update(str((one.get("image") or {}).get("reference") or "") for one in spec.get("volumes") or ())
        return names - {""}

    def _evicted(self) -> frozenset[str]:
        return frozenset(one.uid for one in self._ports.store.list("Pod") if _was_evicted(one))

    def _young(self) -> bool:
        """Whether an image may go soon that may not go yet."""
        now_s = self._ports.clock.monotonic_s()
        return any(now_s - at_s < self._thresholds.image_min_age_s for at_s in self._first_seen_s.values())

    def _images_too_large(self) -> bool:
        return self._collecting and disk_plan.images_too_large(self._ports.disks(), self._thresholds, begun=True)

    def _event(self, kind: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        self._ports.events.record(self._node, "", type=kind, reason=reason, message=message)


def _was_evicted(pod: StoredObject) -> bool:
    return (pod.document.get("status") or {}).get("reason") == "Evicted"
