"""Groups of pods in a made-up tree: the kernel's own is seen by the contract tests."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.adapters.podman import pod_cgroups
from edgelet.adapters.podman.pod_cgroups import PodCgroups
from edgelet.api.errors import EngineError
from edgelet.ports.runtime import PodRef, SandboxSpec

UID = "4c9a-01"


def spec(qos: Literal["Guaranteed", "Burstable", "BestEffort"] = "Burstable", **changes: Any) -> SandboxSpec:
    return SandboxSpec(**{"pod": PodRef(UID, "default", "web"), "hostname": "web", "qos": qos, **changes})


@pytest.mark.parametrize(
    ("qos", "path", "slice_name"),
    [
        ("Guaranteed", "/edgelet/pod4c9a-01", "edgelet-pod4c9a_01.slice"),
        ("Burstable", "/edgelet/burstable/pod4c9a-01", "edgelet-burstable-pod4c9a_01.slice"),
        ("BestEffort", "/edgelet/besteffort/pod4c9a-01", "edgelet-besteffort-pod4c9a_01.slice"),
    ],
)
def test_a_pod_has_its_place_below_its_class(
    qos: Literal["Guaranteed", "Burstable", "BestEffort"], path: str, slice_name: str
) -> None:
    assert pod_cgroups.parent(spec(qos), "cgroupfs") == path
    assert pod_cgroups.parent(spec(qos), "systemd") == slice_name
    assert path in pod_cgroups.every_group(UID)
    assert pod_cgroups.of_container(path, "c1") == f"{path}/libpod-c1"
    assert pod_cgroups.of_container(slice_name, "c1") == ""


def test_a_place_that_was_asked_for_is_kept() -> None:
    assert PodCgroups("cgroupfs", marks=Path("unused")).parent(spec(cgroup_parent="/elsewhere")) == "/elsewhere"


@given(st.integers(0, 300_000), st.integers(0, 300_000))
def test_weights_are_in_range_and_in_order(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert 1 <= pod_cgroups.weight(low) <= pod_cgroups.weight(high)
    assert pod_cgroups.weight(1024) == 39  # as the kubelet has it
    assert pod_cgroups.weight(262144) == 10000


def test_shares_weigh_the_pod_and_all_burstable_ones_together(tmp_path: Path) -> None:
    groups = PodCgroups("cgroupfs", marks=tmp_path / ".marks", mount_point=tmp_path)
    for controller in ("cpu", "memory"):
        (tmp_path / controller / "edgelet" / "burstable").mkdir(parents=True)
    groups.prepare(spec(cpu_shares=512), [spec(cpu_shares=256), spec("Guaranteed", cpu_shares=4096)])
    burstable = tmp_path / "cpu" / "edgelet" / "burstable"
    assert (burstable / f"pod{UID}" / "cpu.shares").read_text() == "512"
    assert (burstable / "cpu.shares").read_text() == "768"
    groups.prepare(spec("BestEffort", cpu_shares=2), ())
    assert (tmp_path / "cpu" / "edgelet" / "besteffort" / "cpu.shares").read_text() == "2"


def test_under_the_unified_hierarchy_controllers_are_handed_down(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids")
    PodCgroups("cgroupfs", marks=tmp_path / ".marks", mount_point=tmp_path).prepare(spec(cpu_shares=1024), ())
    group = tmp_path / "edgelet" / "burstable" / f"pod{UID}"
    assert (group / "cpu.weight").read_text() == "39"
    for above in (tmp_path, tmp_path / "edgelet", tmp_path / "edgelet" / "burstable"):
        assert (above / "cgroup.subtree_control").exists()
    assert not (group / "cgroup.subtree_control").exists()  # it may hold processes of a monitor


def test_systemd_sees_to_its_slices_itself(tmp_path: Path) -> None:
    PodCgroups("systemd", marks=tmp_path / ".marks", mount_point=tmp_path).prepare(spec(cpu_shares=1024), ())
    assert list(tmp_path.iterdir()) == []


async def test_groups_go_with_all_below_them_and_others_stay(tmp_path: Path) -> None:
    groups = PodCgroups("cgroupfs", marks=tmp_path / ".marks", mount_point=tmp_path)
    other = tmp_path / "memory" / "edgelet" / "burstable" / "pod-of-another"
    other.mkdir(parents=True)
    for controller in ("cpu", "memory"):
        for qos in ("", "burstable", "besteffort"):
            (tmp_path / controller / "edgelet" / qos / f"pod{UID}" / "conmon").mkdir(parents=True)
    assert await groups.remove(UID)
    assert not list(tmp_path.glob(f"**/pod{UID}"))
    assert other.exists()


async def test_a_group_that_is_lived_in_is_waited_for_and_then_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pod_cgroups, "_GONE_TRIES", 2)
    inhabited = tmp_path / "memory" / "edgelet" / f"pod{UID}"
    inhabited.mkdir(parents=True)
    (inhabited / "cgroup.procs").write_text("1")
    assert not await PodCgroups("cgroupfs", marks=tmp_path / ".marks", mount_point=tmp_path).remove(UID)
    assert inhabited.exists()


@pytest.fixture
async def inhabited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[PodCgroups, Path]:
    """Groups of a pod that were to go while something was in one of them, and that one."""
    monkeypatch.setattr(pod_cgroups, "_GONE_TRIES", 2)
    groups = PodCgroups("cgroupfs", marks=tmp_path / ".marks", mount_point=tmp_path)
    groups.prepare(spec(), ())
    groups.made(UID)
    [group] = tmp_path.rglob(f"pod{UID}")
    (group / "cgroup.procs").write_text("1")
    assert not groups.unswept
    assert not await groups.remove(UID)
    return groups, group


def test_what_could_not_be_removed_in_time_waits_for_a_sweep(inhabited: tuple[PodCgroups, Path]) -> None:
    groups, group = inhabited
    assert groups.unswept
    groups.sweep(groups.idle(), [])
    assert groups.unswept
    (group / "cgroup.procs").unlink()
    groups.sweep(groups.idle(), [])
    assert not groups.unswept
    assert not group.exists()


def test_a_group_of_a_pod_that_came_back_waits_for_nothing(inhabited: tuple[PodCgroups, Path]) -> None:
    groups, group = inhabited
    groups.sweep(groups.idle(), [UID])
    assert not groups.unswept
    assert group.exists()


def test_only_what_is_not_being_made_and_nothing_is_seen_of_is_swept(tmp_path: Path) -> None:
    root = tmp_path / "cpu" / "edgelet"
    earlier = PodCgroups("cgroupfs", marks=tmp_path / ".marks", mount_point=tmp_path)
    for uid in ("gone", "seen"):
        earlier.prepare(spec("Guaranteed", pod=PodRef(uid, "default", "web")), ())
    (root / "pod-of-another").mkdir()
    now = PodCgroups("cgroupfs", marks=tmp_path / ".marks", mount_point=tmp_path)
    now.prepare(spec("Guaranteed", pod=PodRef("being-made", "default", "web")), ())
    now.sweep(now.idle(), ["seen"])
    assert {one.name for one in root.iterdir()} == {"podseen", "podbeing-made", "pod-of-another"}
    assert {one.name for one in (tmp_path / ".marks").iterdir()} == {"seen", "being-made"}


def test_what_was_left_of_a_making_that_failed_is_swept_in_the_same_life(tmp_path: Path) -> None:
    groups = PodCgroups("cgroupfs", marks=tmp_path / ".marks", mount_point=tmp_path)
    groups.prepare(spec(), ())
    groups.made(UID)
    groups.sweep(groups.idle(), [])
    assert not list(tmp_path.rglob(f"pod{UID}"))
    assert not groups.idle()


def test_what_was_made_anew_since_somebody_looked_stays(tmp_path: Path) -> None:
    groups = PodCgroups("cgroupfs", marks=tmp_path / ".marks", mount_point=tmp_path)
    groups.prepare(spec(), ())
    groups.made(UID)
    idle = groups.idle()
    time.sleep(0.02)  # the kernel's clock for files goes in steps
    groups.prepare(spec(), ())
    groups.made(UID)
    groups.sweep(idle, [])
    assert list(tmp_path.rglob(f"pod{UID}"))


def test_what_a_call_of_an_earlier_agent_makes_again_is_swept_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = tmp_path / "pids" / "edgelet" / f"pod{UID}" / "conmon"
    marks = tmp_path / ".marks"
    PodCgroups("cgroupfs", marks=marks, mount_point=tmp_path).prepare(spec(), ())
    now = PodCgroups("cgroupfs", marks=marks, mount_point=tmp_path, unsettled_s=1000)
    now.sweep(now.idle(), [])
    late.mkdir(parents=True)
    monkeypatch.setattr(now, "_settled_at_s", 0.0)
    now.sweep(now.idle(), [])
    assert not late.parent.exists()
    assert not list(marks.iterdir())


def test_limits_of_the_whole_pod_stand_on_its_group(tmp_path: Path) -> None:
    groups = PodCgroups("cgroupfs", marks=tmp_path / ".marks", mount_point=tmp_path)
    for controller in ("cpu", "memory"):
        (tmp_path / controller / "edgelet" / "burstable").mkdir(parents=True)
    groups.prepare(spec(cpu_quota_us=50_000, memory_limit_bytes=64 << 20), [])
    pod = f"edgelet/burstable/pod{UID}"
    assert (tmp_path / "cpu" / pod / "cpu.cfs_quota_us").read_text() == "50000"
    assert (tmp_path / "memory" / pod / "memory.limit_in_bytes").read_text() == str(64 << 20)


def test_limits_of_the_whole_pod_stand_on_its_group_in_version_2(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory")
    PodCgroups("cgroupfs", marks=tmp_path / ".marks", mount_point=tmp_path).prepare(
        spec(cpu_quota_us=50_000, memory_limit_bytes=64 << 20), []
    )
    pod = tmp_path / "edgelet" / "burstable" / f"pod{UID}"
    assert (pod / "cpu.max").read_text() == "50000 100000"
    assert (pod / "memory.max").read_text() == str(64 << 20)


def test_a_limit_that_cannot_be_written_is_no_pod(tmp_path: Path) -> None:
    groups = PodCgroups("cgroupfs", marks=tmp_path / ".marks", mount_point=tmp_path)
    (tmp_path / "cpu").mkdir()
    (tmp_path / "memory").write_text("no directory")
    with pytest.raises(EngineError) as caught:
        groups.prepare(spec(memory_limit_bytes=64 << 20), [])
    assert caught.value.reason == "FailedCreatePodSandBox"


def test_under_systemd_podman_writes_the_limits(tmp_path: Path) -> None:
    assert PodCgroups("cgroupfs", marks=tmp_path).keeps_limits(spec())
    assert not PodCgroups("systemd", marks=tmp_path).keeps_limits(spec())
