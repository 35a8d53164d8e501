from __future__ import annotations

from datetime import UTC, datetime

import pytest

from edgelet.config.eviction import DEFAULT_HARD
from edgelet.node import disk_plan, pressure
from edgelet.node.disk_plan import ImageUse, SeenDisks, Thresholds
from edgelet.ports.host import DiskUsage
from edgelet.ports.images import ImageInfo
from edgelet.ports.runtime import Exited, ObservedContainer, ObservedPod, PodRef, Running

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DEFAULTS = Thresholds(eviction=pressure.thresholds(DEFAULT_HARD, {}, grace_s={}, reclaim={}))


def disk(available_percent: float, *, inodes_percent: float = 100, device: int = 1) -> DiskUsage:
    return DiskUsage(10_000, int(available_percent * 100), 1000, int(inodes_percent * 10), device)


def disks(node: DiskUsage, image: DiskUsage) -> SeenDisks:
    return SeenDisks(node={"/state": node}, image=image, image_path="/images")


def image(name: str, *, age_s: float = 1000, used_s: float = float("-inf")) -> ImageUse:
    info = ImageInfo(f"sha256:{name}", (name,), (f"{name}@sha256:1",), 10, "amd64")
    return ImageUse(info=info, first_seen_s=1000 - age_s, used_s=used_s)


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (disks(disk(10), disk(15)), ""),
        (disks(disk(9.9), disk(50)), "nodefs (/state) has 9.9 % available, less than 10 %"),
        (disks(disk(50), disk(14.9)), "imagefs (/images) has 14.9 % available, less than 15 %"),
        (disks(disk(50, inodes_percent=4), disk(50)), "nodefs (/state) has 4.0 % inodes free, less than 5 %"),
        (disks(DiskUsage(0, 0), DiskUsage(0, 0)), ""),  # a file system that has no size
    ],
)
def test_pressure_names_the_file_system_that_is_too_full(seen: SeenDisks, words: str) -> None:
    assert disk_plan.short(seen, DEFAULTS, begun=False) == words


def test_images_go_from_the_high_mark_on_until_the_low_one() -> None:
    wide = Thresholds()
    between = disks(disk(50), disk(18))
    assert not disk_plan.images_too_large(between, wide, begun=False)
    assert disk_plan.images_too_large(between, wide, begun=True)
    assert disk_plan.images_too_large(disks(disk(50), disk(14)), wide, begun=False)
    assert not disk_plan.images_too_large(disks(disk(50), disk(20)), wide, begun=True)


def test_images_go_for_a_full_node_disk_only_where_they_share_it() -> None:
    assert disk_plan.images_too_large(disks(disk(5, device=7), disk(50, device=7)), DEFAULTS, begun=False)
    assert not disk_plan.images_too_large(disks(disk(5, device=7), disk(50, device=8)), DEFAULTS, begun=False)


def test_with_minimum_reclaim_a_full_disk_is_one_until_so_much_more_is_free() -> None:
    rules = pressure.thresholds({"nodefs.available": "10%"}, {}, grace_s={}, reclaim={"nodefs.available": "5%"})
    reclaiming = Thresholds(eviction=rules)
    seen = disks(disk(12), disk(50))
    assert disk_plan.short(seen, reclaiming, begun=False) == ""
    assert disk_plan.short(seen, reclaiming, begun=True) == "nodefs (/state) has 12.0 % available, less than 10 %"
    assert disk_plan.short(disks(disk(15), disk(50)), reclaiming, begun=True) == ""


def test_a_pod_can_free_what_of_it_lies_on_the_disk_in_question() -> None:
    def parts(logs: int, volumes: int, image: int) -> dict[str, list[set[str]]]:
        node = {"/state": disk(50), "/logs": disk(50, device=logs), "/volumes": disk(50, device=volumes)}
        seen = SeenDisks(
            node=node,
            image=disk(50, device=image),
            image_path="/images",
            parts={"/logs": "logs", "/volumes": "volumes"},
        )
        return {name: [set(one.parts) for one in found] for name, found in disk_plan.observations(seen).items()}

    one_disk = parts(1, 1, 1)
    assert one_disk["nodefs.available"] == [{"logs", "volumes", "layers"}] * 3
    assert one_disk["imagefs.inodesFree"] == [{"logs", "volumes", "layers"}]
    apart = parts(1, 2, 3)
    assert apart["nodefs.available"] == [{"logs"}, {"logs"}, {"volumes"}]  # logs, state, volumes
    assert apart["imagefs.available"] == [{"layers"}]


def test_the_image_that_was_not_used_for_longest_goes_first_and_a_new_one_stays() -> None:
    uses = (image("r/new", age_s=60), image("r/late", used_s=900), image("r/never"), image("r/early", used_s=200))
    found = disk_plan.removable(uses, wanted=(), now_s=1000, thresholds=DEFAULTS)
    assert [one.names[0] for one in found] == ["r/never", "r/early", "r/late"]


def test_what_a_pod_names_what_nobody_can_give_back_and_what_is_kept_on_purpose_stays() -> None:
    uses = (image("r/wanted"), image("localhost/built"), image("r/base:1"), image("r/gone"))
    thresholds = Thresholds(keep_images=("r/base*",))
    found = disk_plan.removable(uses, wanted={"sha256:r/wanted"}, now_s=1000, thresholds=thresholds)
    assert [one.names[0] for one in found] == ["r/gone"]


def test_only_ended_instances_with_a_younger_one_are_dead_weight() -> None:
    ended = Exited(1, NOW, NOW)

    def instance(name: str, number: int, state: Exited | Running) -> ObservedContainer:
        return ObservedContainer(f"{name}{number}", name, number, "", "", "", state, NOW)

    pod = ObservedPod(
        PodRef("u", "d", "n"),
        None,
        (instance("a", 0, ended), instance("a", 1, Running(NOW, 1)), instance("init", 0, ended)),
    )
    assert disk_plan.dead_containers((pod,)) == ("a0",)
