"""When a disk is too full, what may go, and in which order (pure)."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from edgelet.ports.host import DiskUsage
from edgelet.ports.images import ImageInfo
from edgelet.ports.runtime import Exited, ObservedPod

_LOCAL = "localhost/"  # built or loaded here: no registry has it


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """The kubelet's defaults: hard eviction, image garbage collection. Percent of the file system."""

    look_s: float = 60.0  # between two looks while there is room
    nodefs_available: float = 10.0
    imagefs_available: float = 15.0
    inodes_free: float = 5.0
    image_gc_high: float = 85.0  # used: from here on unused images go ...
    image_gc_low: float = 80.0  # ... until no more is used than that
    image_min_age_s: float = 120.0
    keep_images: tuple[str, ...] = ()  # patterns of names that never go


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenDisks:
    """A sample. `node`: state, logs and volumes, by their path; `image`: the engine's storage."""

    node: Mapping[str, DiskUsage]
    image: DiskUsage
    image_path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageUse:
    """What is known of one image. Monotonic seconds; `used_s` is -inf for one nobody used since the agent began."""

    info: ImageInfo
    first_seen_s: float
    used_s: float = float("-inf")


def pressure(seen: SeenDisks, thresholds: Thresholds) -> str:
    """Return for people which file system is too full, "" where none is."""
    low = [
        text
        for path, disk in sorted(seen.node.items())
        if (text := _low(f"nodefs ({path})", disk, thresholds.nodefs_available, thresholds.inodes_free))
    ]
    image = _low(f"imagefs ({seen.image_path})", seen.image, thresholds.imagefs_available, thresholds.inodes_free)
    return "; ".join([*low, image] if image else low)


def images_too_large(seen: SeenDisks, thresholds: Thresholds, *, begun: bool) -> bool:
    """Whether unused images have to go: from the high mark on, and once begun down to the low one.

    Images also go for a node file system that they share.
    """
    mark = thresholds.image_gc_low if begun else thresholds.image_gc_high
    if _used_percent(seen.image) > mark or (_low("", seen.image, thresholds.imagefs_available, thresholds.inodes_free)):
        return True
    shared = (disk for disk in seen.node.values() if disk.device == seen.image.device)
    return any(_low("", disk, thresholds.nodefs_available, thresholds.inodes_free) for disk in shared)


def dead_containers(pods: Collection[ObservedPod]) -> tuple[str, ...]:
    """Return the ids of ended instances that a younger one follows: their logs stay, their writable layers go."""
    found = []
    for pod in pods:
        newest = {one.name: one.instance for one in pod.containers}  # sorted by instance: the last one stays
        found += [one.id for one in pod.containers if isinstance(one.state, Exited) and one.instance < newest[one.name]]
    return tuple(found)


def removable(
    uses: Collection[ImageUse], *, wanted: Collection[str], now_s: float, thresholds: Thresholds
) -> tuple[ImageInfo, ...]:
    """Return the images that may go, the one that was not used for longest first.

    `wanted`: ids of images that a stored pod names. What no registry can give back, or a pattern keeps, stays.
    """
    free = [
        use
        for use in uses
        if use.info.id not in wanted
        and now_s - use.first_seen_s >= thresholds.image_min_age_s
        and not _kept(use.info, thresholds.keep_images)
    ]
    free.sort(key=lambda use: (use.used_s, use.first_seen_s, -use.info.size_bytes, use.info.id))
    return tuple(use.info for use in free)


def _kept(image: ImageInfo, patterns: tuple[str, ...]) -> bool:
    names = (*image.names, *image.digests)
    return any(
        name.startswith(_LOCAL) or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns) for name in names
    )


def _low(name: str, disk: DiskUsage, available: float, inodes: float) -> str:
    if disk.total_bytes and disk.available_bytes * 100 < disk.total_bytes * available:
        share = 100 * disk.available_bytes / disk.total_bytes
        return f"{name} has {share:.1f} % available, less than {available:g} %"
    if disk.inodes_total and disk.inodes_free * 100 < disk.inodes_total * inodes:
        return f"{name} has {100 * disk.inodes_free / disk.inodes_total:.1f} % inodes free, less than {inodes:g} %"
    return ""


def _used_percent(disk: DiskUsage) -> float:
    return 100 * (1 - disk.available_bytes / disk.total_bytes) if disk.total_bytes else 0.0
