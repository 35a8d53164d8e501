from __future__ import annotations

import errno
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgelet.adapters.host import image_directories, mounts


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "target"
    for point in mounts.mounted_below(str(tmp_path)):
        mounts.unmount(point)


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A file system that overlay takes for a lower layer."""
    mounts.mount_tmpfs(str(tmp_path), size_bytes=1 << 20, mode=0o755)
    return tmp_path


def _layer(disk: Path, name: str, **files: str) -> str:
    diff = disk / name / "diff"
    diff.mkdir(parents=True)
    for file, text in files.items():
        (diff / file).write_text(text)
        (diff / file).chmod(0o755)
    return str(diff)


def test_upper_layers_hide_lower_ones(disk: Path, target: Path) -> None:
    layers = [_layer(disk, "up", a="new"), _layer(disk, "down", a="old", b="kept")]
    assert image_directories.make(target, layers)
    assert {one.name: one.read_text() for one in target.iterdir()} == {"a": "new", "b": "kept"}
    assert not image_directories.make(target, layers)


@pytest.mark.parametrize("count", [1, 2])
def test_it_can_be_neither_written_nor_run(disk: Path, target: Path, count: int) -> None:
    layers = [_layer(disk, f"layer{index}", tool="#!/bin/sh\n") for index in range(count)]
    image_directories.make(target, layers)
    with pytest.raises(OSError, match="Read-only") as caught:
        (target / "x").write_text("")
    assert caught.value.errno == errno.EROFS
    with pytest.raises(PermissionError):
        subprocess.run([str(target / "tool")], check=False)


def test_the_short_names_of_overlay_storage_are_used(disk: Path, target: Path) -> None:
    layers = [_layer(disk, f"{index:03}{'x' * 60}") for index in range(60)]
    assert sum(map(len, layers)) > image_directories._MOST_OPTION_BYTES
    with pytest.raises(OSError, match="too many layers"):
        image_directories.make(target, layers)
    (disk / "l").mkdir()
    for index, layer in enumerate(layers):
        (disk / "l" / f"L{index}").symlink_to(layer)
        (Path(layer).parent / "link").write_text(f"L{index}")
    assert image_directories.make(target, layers[:3])


def test_a_layer_that_is_gone_is_named(disk: Path, target: Path) -> None:
    with pytest.raises(FileNotFoundError, match="absent"):
        image_directories.make(target, [_layer(disk, "there"), str(disk / "absent" / "diff")])
