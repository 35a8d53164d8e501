from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edgelet.adapters.host import mounts


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "a disk"
    path.mkdir()
    mounts.mount_tmpfs(str(path), size_bytes=1 << 20, mode=0o755)
    yield path
    for point in mounts.mounted_below(str(tmp_path)):
        mounts.unmount(point)


def test_what_lies_on_a_read_only_mount_is_read_only_and_its_neighbours_are_not(disk: Path) -> None:
    inside = disk / "state"
    inside.mkdir()
    assert not mounts.is_read_only(str(inside))
    mounts.bind_read_only(str(disk), str(disk))
    assert mounts.is_read_only(str(inside))
    assert mounts.is_read_only(str(inside / "not" / "there"))
    assert not mounts.is_read_only(str(disk.parent))
    assert not mounts.is_read_only(f"{disk}-beside")


def test_a_mount_that_can_be_written_on_one_that_cannot_counts(disk: Path) -> None:
    inside = disk / "state"
    inside.mkdir()
    mounts.bind_read_only(str(disk), str(disk))
    mounts.mount_tmpfs(str(inside), size_bytes=1 << 20, mode=0o755)
    assert not mounts.is_read_only(str(inside))


def test_a_link_is_followed(disk: Path, tmp_path: Path) -> None:
    mounts.bind_read_only(str(disk), str(disk))
    (tmp_path / "link").symlink_to(disk)
    assert mounts.is_read_only(str(tmp_path / "link"))
