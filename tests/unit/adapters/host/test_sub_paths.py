# ruff: noqa: PTH208  a test looks at a handful of files; nothing else runs in its loop

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgelet.adapters.host import mounts, sub_paths
from tests.unit.adapters.host.conftest import mode


@pytest.fixture
def volume(root: Path) -> Path:
    (root / "secret").write_text("of the host")
    directory = root / "vol"
    directory.mkdir(mode=0o755)
    return directory


@pytest.mark.parametrize("link", ["/etc", "../", "../secret", "a/../../secret", "self/../../secret", "loop"])
def test_a_sub_path_never_follows_a_link_out_of_its_volume(root: Path, volume: Path, link: str) -> None:
    (volume / "a").mkdir()
    (volume / "self").symlink_to(".")
    (volume / "loop").symlink_to("loop")
    (volume / "x").symlink_to(link)
    for sub_path in ("x", "x/deeper", "a/../x"):
        with pytest.raises(OSError, match=r"leads out|Too many levels"):
            sub_paths.pin(str(volume), sub_path, root / "target")
    assert not mounts.mounted_below(str(root / "target"))


def test_a_sub_path_follows_links_inside_its_volume(root: Path, volume: Path) -> None:
    (volume / "data").mkdir()
    (volume / "data" / "f").write_text("in here")
    (volume / "x").symlink_to("data/../data/f")
    assert sub_paths.pin(str(volume), "x", root / "t" / "0")
    assert (root / "t" / "0").read_text() == "in here"
    assert not sub_paths.pin(str(volume), "data/f", root / "t" / "0")  # the same file


def test_a_sub_path_through_a_file_is_refused(root: Path, volume: Path) -> None:
    (volume / "f").write_text("")
    with pytest.raises(NotADirectoryError):
        sub_paths.pin(str(volume), "f/x", root / "target")


def test_a_made_sub_path_has_the_mode_and_group_of_the_volume(root: Path, volume: Path) -> None:
    os.chown(volume, -1, 1234)
    volume.chmod(0o2770)
    sub_paths.pin(str(volume), "a/b", root / "target")
    assert {(mode(volume / name), (volume / name).stat().st_gid) for name in ("a", "a/b")} == {(0o2770, 1234)}


def test_a_tree_is_read_only_to_its_depths_and_apart_from_the_original(root: Path, volume: Path) -> None:
    (volume / "in").mkdir()
    mounts.mount_tmpfs(str(volume / "in"), size_bytes=65536, mode=0o777)
    try:
        (volume / "in" / "f").write_text("1")
        target = root / "t" / "0"
        for _ in range(2):  # a container that starts again gets it anew
            assert sub_paths.pin_tree_read_only(str(volume), "", target)
            assert (target / "in" / "f").read_text() == "1"
            for place in (target / "g", target / "in" / "g"):
                with pytest.raises(OSError, match="Read-only file system"):
                    place.write_text("2")
        for point in mounts.mounted_below(str(target)):
            mounts.unmount(point)
        assert not mounts.mounted_below(str(target))
        (volume / "in" / "f").write_text("the original is there, and may be written")
        assert sub_paths.pin_tree_read_only(str(volume / "in" / "f"), "", root / "t" / "file")
    finally:
        for point in mounts.mounted_below(str(volume), str(root / "t")):
            mounts.unmount(point)


_SWAP = """
import os, sys
while True:
    for to in ("../secret", "real"):
        os.symlink(to, "new")
        os.rename("new", "d")
"""


def test_a_container_that_swaps_directories_for_links_gains_nothing(root: Path, volume: Path) -> None:
    (root / "secret").unlink()
    (root / "secret").mkdir()
    (root / "secret" / "f").write_text("of the host")
    (volume / "real").mkdir()
    (volume / "real" / "f").write_text("of the pod")
    (volume / "d").symlink_to("real")
    pinned = refused = 0
    end_s = time.monotonic() + 20
    # A process, as in a container: a thread would have its turns only where the other one lets it.
    with subprocess.Popen((sys.executable, "-c", _SWAP), cwd=volume) as swapper:
        try:
            while (pinned < 30 or refused < 30) and time.monotonic() < end_s:
                target = root / "targets" / str(pinned + refused)
                try:
                    sub_paths.pin(str(volume), "d/f", target)
                except OSError:
                    refused += 1
                else:
                    assert target.read_text() == "of the pod"
                    pinned += 1
        finally:
            swapper.kill()
    assert pinned >= 30
    assert refused >= 30
    assert os.listdir(root / "secret") == ["f"]
