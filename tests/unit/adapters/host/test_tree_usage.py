from __future__ import annotations

import os
import subprocess
from pathlib import Path

from edgelet.adapters.host.tree_usage import HostTreeUsage, tree_bytes, tree_inodes

MIB = 1 << 20


def _file(path: Path, size: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\1" * size)
    return path


def test_what_is_allocated_counts_not_what_is_said(tmp_path: Path) -> None:
    _file(tmp_path / "a" / "b" / "full", MIB)
    with (tmp_path / "sparse").open("wb") as sparse:
        sparse.truncate(100 * MIB)
    assert MIB <= tree_bytes(str(tmp_path)) < 2 * MIB


def test_a_file_with_two_names_counts_once(tmp_path: Path) -> None:
    first = _file(tmp_path / "first", MIB)
    os.link(first, tmp_path / "second")
    assert MIB <= tree_bytes(str(tmp_path)) < 2 * MIB


def test_links_are_not_followed(tmp_path: Path) -> None:
    _file(tmp_path / "elsewhere" / "big", MIB)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "here" / "loop").symlink_to(tmp_path / "here")
    assert tree_bytes(str(tmp_path / "here")) < MIB


async def test_a_directory_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    _file(tmp_path / "v" / "x", MIB)
    used = await HostTreeUsage().measure((str(tmp_path / "v"), str(tmp_path / "absent")))
    assert used[str(tmp_path / "absent")] == 0
    assert used[str(tmp_path / "v")] >= MIB


def test_the_depth_of_a_tree_does_not_matter(tmp_path: Path) -> None:
    name = "d" * 250  # 30 of them are longer than any path may be
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        for _ in range(30):
            os.mkdir(name, dir_fd=descriptor)
            deeper = os.open(name, os.O_RDONLY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = deeper
        with os.fdopen(os.open("hidden", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor), "wb") as file:
            file.write(b"\1" * 5 * MIB)
        assert tree_bytes(str(tmp_path)) >= 5 * MIB
    finally:
        os.close(descriptor)
        subprocess.run(["rm", "-rf", str(tmp_path / name)], check=True)  # pytest's own way is a recursion


def test_inodes_are_counted_with_the_directory_itself_and_a_file_of_two_names_once(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("a", "b", "deep/c"):
        (tmp_path / name).touch()
    (tmp_path / "again").hardlink_to(tmp_path / "a")
    (tmp_path / "link").symlink_to("a")
    assert tree_inodes(str(tmp_path)) == 6
    assert tree_inodes(str(tmp_path / "none")) == 0
