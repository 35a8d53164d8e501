"""What may go where a disk is too full, and in which order (pure). When it is too full says `node/pressure`."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from edgelet.node import pressure
from edgelet.node.pressure import Observation, Seen, Threshold
from edgelet.ports.host import DiskUsage
from edgelet.ports.images import ImageInfo
from edgelet.ports.pod_eviction import Part
from edgelet.ports.runtime import Exited, ObservedPod

_LOCAL = "localhost/"  # built or loaded here: no registry has it


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """The kubelet's defaults of image garbage collection. Percent of the file system."""

    look_s: float = 60.0  # between two looks while there is room
    eviction: tuple[Threshold, ...] = ()  # of the node; those of disks count here
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
    parts: Mapping[str, Part] = field(default_factory=dict)  # what of pods lies in which path of `node`


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageUse:
    """What is known of one image. Monotonic seconds; `used_s` is -inf for one nobody used since the agent began."""

    info: ImageInfo
    first_seen_s: float
    used_s: float = float("-inf")


def observations(seen: SeenDisks) -> Seen:
    """Return the signals of the disks. A pod can free what of it lies on the file system in question.

    Source: Kubernetes pkg/kubelet/eviction/helpers.go buildSignalToRankFunc: with a file system for images alone, logs
    and volumes count for nodefs and writable layers for imagefs; else everything counts for both.
    """
    node = [(path, disk, _parts(disk.device, seen)) for path, disk in sorted(seen.node.items())]
    image = [(seen.image_path, seen.image, _parts(seen.image.device, seen))]
    found: dict[str, tuple[Observation, ...]] = {}
    for name, disks in (("nodefs", node), ("imagefs", image)):
        found[f"{name}.available"] = tuple(
            Observation(available=disk.available_bytes, capacity=disk.total_bytes, place=path, parts=parts)
            for path, disk, parts in disks
            if disk.total_bytes
        )
        found[f"{name}.inodesFree"] = tuple(
            Observation(available=disk.inodes_free, capacity=disk.inodes_total, place=path, parts=parts)
            for path, disk, parts in disks
            if disk.inodes_total
        )
    return found


def short(seen: SeenDisks, thresholds: Thresholds, *, begun: bool) -> str:
    """Return for people which file system is too full, "" where none is; once begun, minimum reclaim is asked for."""
    return pressure.words(thresholds.eviction, observations(seen), pressure.DISK, reclaim=begun)


def images_too_large(seen: SeenDisks, thresholds: Thresholds, *, begun: bool) -> bool:
    """Whether unused images have to go: from the high mark on, and once begun down to the low one.

    Images also go for a node file system that they share.
    """
    mark = thresholds.image_gc_low if begun else thresholds.image_gc_high
    if _used_percent(seen.image) > mark:
        return True
    shared = {path: disk for path, disk in seen.node.items() if disk.device == seen.image.device}
    on_it = SeenDisks(node=shared, image=seen.image, image_path=seen.image_path)
    return bool(short(on_it, thresholds, begun=begun))


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


def _parts(device: int, seen: SeenDisks) -> frozenset[Part]:
    here = {part for path, part in seen.parts.items() if seen.node[path].device == device}
    return frozenset({*here, "layers"} if seen.image.device == device else here)


def _used_percent(disk: DiskUsage) -> float:
    return 100 * (1 - disk.available_bytes / disk.total_bytes) if disk.total_bytes else 0.0
