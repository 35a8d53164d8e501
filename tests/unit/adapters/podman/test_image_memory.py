"""What is remembered of images, and when it is asked anew."""

from __future__ import annotations

from pathlib import Path

from edgelet.adapters.podman.image_memory import ImageMemory
from edgelet.ports.images import ImageInfo

IMAGE = ImageInfo(id="sha256:1", names=("web:1",), digests=(), size_bytes=1, architecture="amd64")


def write_list(root: Path, text: str) -> None:
    folder = root / "overlay-images"
    folder.mkdir(exist_ok=True)
    fresh = folder / ".new"
    fresh.write_text(text)
    fresh.replace(folder / "images.json")


def test_an_answer_holds_as_long_as_the_list_of_images_is_the_same(tmp_path: Path) -> None:
    write_list(tmp_path, "[]")
    memory = ImageMemory(tmp_path)
    memory.keep("web:1", IMAGE, memory.stamp())
    memory.keep("db:1", None, memory.stamp())
    assert memory.recall("web:1") == IMAGE
    assert memory.is_absent("db:1")
    assert not memory.is_absent("web:1")
    write_list(tmp_path, "[ ]")
    assert memory.recall("web:1") is None
    assert not memory.is_absent("db:1")


def test_a_storage_without_any_image_is_an_answer_too(tmp_path: Path) -> None:
    (tmp_path / "overlay-images").mkdir()
    memory = ImageMemory(tmp_path)
    memory.keep("web:1", None, memory.stamp())
    assert memory.is_absent("web:1")
    write_list(tmp_path, "[]")
    assert not memory.is_absent("web:1")


def test_where_the_list_cannot_be_seen_it_is_asked_each_time(tmp_path: Path) -> None:
    for memory in (ImageMemory(None), ImageMemory(tmp_path)):
        memory.keep("web:1", None, memory.stamp())
        memory.keep("db:1", IMAGE, memory.stamp())
        assert not memory.is_absent("web:1")
        assert memory.recall("db:1") is None


def test_what_is_not_here_is_remembered_within_bounds(tmp_path: Path) -> None:
    write_list(tmp_path, "[]")
    memory = ImageMemory(tmp_path)
    for number in range(1000):
        memory.keep(f"web:{number}", None, memory.stamp())
    assert sum(memory.is_absent(f"web:{number}") for number in range(1000)) == 256
