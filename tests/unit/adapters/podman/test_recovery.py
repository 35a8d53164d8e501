from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from edgelet.adapters.podman import recovery
from edgelet.adapters.podman.inspection import Inspected
from edgelet.adapters.podman.recovery import Remains, Sweeper

ID = "a" * 64
SEEN = Inspected(
    id=ID,
    pod_id="p" * 64,
    pod=None,
    name="main",
    labels={},
    infra=True,
    status="running",
    created_at=datetime(2026, 1, 2, tzinfo=UTC),
    image="",
    image_id="",
    cgroup_path=f"/libpod_parent/pod/libpod-{ID}",
    netns_path="/run/netns/netns-1",
)


def sweeper(tmp_path: Path) -> Sweeper:
    return Sweeper(run_dir=tmp_path / "run", oci_runtime="/usr/bin/runc", cgroup_mount=tmp_path / "cgroup")


def group(tmp_path: Path, *below: str) -> Path:
    (tmp_path / "cgroup").mkdir(exist_ok=True)
    (tmp_path / "cgroup" / "cgroup.controllers").write_text("memory pids")
    folder = tmp_path.joinpath("cgroup", *below)
    folder.mkdir(parents=True)
    return folder


def test_what_can_be_left_is_only_what_is_the_containers_own() -> None:
    assert recovery.of([SEEN], ["/libpod_parent/pod"]) == Remains(
        (ID,), (SEEN.cgroup_path, "/libpod_parent/pod"), ("/run/netns/netns-1",)
    )
    assert recovery.of_container(SEEN).netns_paths == ()
    unstarted = replace(SEEN, cgroup_path="")  # its start was cut off: the engine knows of no group
    assert recovery.of_container(unstarted).cgroup_paths == ()
    assert recovery.of_container(unstarted, group=f"/pod/libpod-{ID}").cgroup_paths == (f"/pod/libpod-{ID}",)
    assert recovery.of_container(unstarted, group="/pod").cgroup_paths == (), "the pod's own is not the container's"


async def test_an_intention_survives_the_agent_and_is_finished_once(tmp_path: Path) -> None:
    folder = group(tmp_path, "libpod_parent", "pod", "ctr")
    sweeper(tmp_path).intend("pod", Remains(("x",), ("/libpod_parent/pod",)))
    sweeper(tmp_path).intend("pod", Remains(("y",)))
    later = sweeper(tmp_path)
    assert later.unfinished() == (Remains(("x", "y"), ("/libpod_parent/pod",)),)
    await later.finish_all(frozenset({"y"}))  # still there: not to be touched
    assert folder.exists()
    await later.finish_all(frozenset())
    assert not folder.parent.exists()
    assert folder.parent.parent.exists()
    assert later.unfinished() == ()


async def test_a_group_with_something_in_it_stays_and_top_groups_always_do(tmp_path: Path) -> None:
    full, top = group(tmp_path, "a", "b"), group(tmp_path, "system.slice")
    (full / "file").write_text("the kernel refuses to remove it too")
    own = sweeper(tmp_path)
    own.intend("pod", Remains((), ("/a/b", "/system.slice", "", "/")))
    await own.finish("pod")
    assert full.exists()
    assert top.exists()


async def test_half_an_intention_is_none(tmp_path: Path) -> None:
    own = sweeper(tmp_path)
    own.intend("pod", Remains(("x",)))
    (next((tmp_path / "run" / "removals").iterdir())).write_text('{"container_ids": ')
    assert own.unfinished() == (Remains(),)
    await own.finish_all(frozenset())
    assert own.unfinished() == ()
