from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from edgelet.adapters.host.pod_files import HostPodFiles
from edgelet.api.errors import EdgeletError
from edgelet.ports.pod_files import HostDirectory, HostPathType, SubPath
from tests.unit.adapters.host.conftest import UID, mode


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("dir", "Directory"),
        ("file", "File"),
        ("socket", "Socket"),
        ("null", "CharDevice"),
        ("dir", "DirectoryOrCreate"),
    ],
)
async def test_a_host_path_of_the_right_type_passes(
    files: HostPodFiles, root: Path, kind: str, wanted: HostPathType
) -> None:
    (root / "dir").mkdir()
    (root / "file").touch()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(root / "socket"))
        path = "/dev/null" if kind == "null" else str(root / kind)
        assert await files.prepare(UID, [HostDirectory("v", path, wanted)]) == frozenset()


async def test_a_host_path_says_what_it_found_instead(files: HostPodFiles, root: Path) -> None:
    message = (
        f'MountVolume.SetUp failed for volume "v" : hostPath type check failed: {root} is not a file, it\'s a Directory'
    )
    with pytest.raises(EdgeletError) as caught:
        await files.prepare(UID, [HostDirectory("v", str(root), "File")])
    assert caught.value.message == message
    os.mkfifo(root / "fifo")
    with pytest.raises(EdgeletError, match="unable to determine its type"):
        await files.prepare(UID, [HostDirectory("v", str(root / "fifo"), "File")])


async def test_file_or_create_makes_an_empty_file_but_no_parents(files: HostPodFiles, root: Path) -> None:
    await files.prepare(UID, [HostDirectory("v", str(root / "f"), "FileOrCreate")])
    assert (mode(root / "f"), (root / "f").read_bytes()) == (0o644, b"")
    with pytest.raises(EdgeletError, match="No such file or directory"):
        await files.prepare(UID, [HostDirectory("v", str(root / "no" / "f"), "FileOrCreate")])


@pytest.mark.parametrize("wanted", ["", "DirectoryOrCreate", "FileOrCreate"])
async def test_what_may_only_be_read_is_not_made(files: HostPodFiles, root: Path, wanted: HostPathType) -> None:
    with pytest.raises(EdgeletError, match="has nothing made there"):
        await files.prepare(UID, [HostDirectory("v", str(root / "new"), wanted, within=(str(root),), make=False)])
    target = files.paths.sub_path(UID, "c", 0)
    step = SubPath("c", "v", str(root), "new", target, recursive_read_only=True, make=False)
    with pytest.raises(EdgeletError, match="failed to prepare subPath"):
        await files.prepare(UID, [step])
    assert not (root / "new").exists()


async def test_a_host_path_with_back_steps_is_refused(files: HostPodFiles, root: Path) -> None:
    with pytest.raises(EdgeletError, match="must not contain"):
        await files.prepare(UID, [HostDirectory("v", f"{root}/a/../b", "")])
    assert not (root / "b").exists()


async def test_a_link_does_not_lead_out_of_where_the_policy_lets_pods_in(files: HostPodFiles, root: Path) -> None:
    data, other = root / "data", root / "other"
    for one in (data / "a", other):
        one.mkdir(parents=True)
    (data / "out").symlink_to(other)
    (data / "loop").symlink_to(data / "loop")
    (data / "dead").symlink_to(root / "not-there")
    (data / "in").symlink_to("a")
    (root / "alias").symlink_to(data)

    async def prepare(path: Path, *within: Path) -> None:
        step = HostDirectory("v", str(path), "DirectoryOrCreate", within=tuple(map(str, within)))
        await files.prepare(UID, [step])

    for good in (data, data / "a", data / "in", data / "new", root / "alias" / "a"):
        await prepare(good, data)
    await prepare(root / "alias" / "a", root / "alias")
    await prepare(data / "out", data, other)
    await prepare(data / "out")  # no bounds: the profile lets it in
    for bad in (data / "out", data / "out" / "new", data / "dead"):
        with pytest.raises(EdgeletError, match="where the policy of this board lets no pod in") as caught:
            await prepare(bad, data)
        assert caught.value.reason == "FailedMount"
    with pytest.raises(EdgeletError):
        await prepare(data / "loop", data)
    assert not (other / "new").exists()
    assert not (root / "not-there").exists()
