from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edgelet.adapters.host.folder_watch import InotifyFolder
from edgelet.api.errors import NotFoundError, StorageError, TooLargeError


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[InotifyFolder]:
    folder = InotifyFolder(tmp_path / "manifests")
    yield folder
    folder.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "manifests"
    path.mkdir()
    return path


def replace(path: Path, elsewhere: Path) -> None:
    """Put an empty folder in the place of one that has moved away."""
    path.rename(elsewhere)
    path.mkdir()


async def woken(folder: InotifyFolder, *, within_s: float = 1.0) -> bool:
    """Whether the folder wakes its reader before the time is over."""
    loop = asyncio.get_running_loop()
    started_s = loop.time()
    await folder.changed(timeout_s=within_s)
    return loop.time() - started_s < within_s


async def test_it_sees_regular_files_and_links_to_them_and_nothing_hidden(path: Path, folder: InotifyFolder) -> None:
    (path / "web.yaml").write_text("x")
    (path / ".web.yaml.swp").write_text("x")
    (path / "below").mkdir()
    (path / "below" / "deep.yaml").write_text("x")
    os.mkfifo(path / "pipe.yaml")
    (path / "link.yaml").symlink_to(path / "below" / "deep.yaml")
    (path / "nowhere.yaml").symlink_to(path / "gone")
    seen = folder.look()
    assert seen is not None
    assert sorted(seen) == ["link.yaml", "web.yaml"]


async def test_a_folder_that_is_not_there_is_none_and_is_found_later(tmp_path: Path, folder: InotifyFolder) -> None:
    assert folder.look() is None
    (tmp_path / "manifests").mkdir()
    assert folder.look() == {}
    (tmp_path / "manifests" / "web.yaml").write_text("x")
    assert await woken(folder)


async def test_a_folder_that_is_replaced_is_watched_anew(tmp_path: Path, path: Path, folder: InotifyFolder) -> None:
    folder.look()
    replace(path, tmp_path / "old")
    assert await woken(folder)
    assert folder.look() == {}
    (path / "web.yaml").write_text("x")
    assert await woken(folder)


@pytest.mark.parametrize("deed", ["write", "rename", "link", "delete"])
async def test_a_change_wakes(path: Path, folder: InotifyFolder, deed: str) -> None:
    (path / "old.yaml").write_text("x")
    folder.look()
    match deed:
        case "write":
            (path / "old.yaml").write_text("y")
        case "rename":
            (path / ".new").write_text("y")
            (path / ".new").rename(path / "new.yaml")
        case "link":
            (path / "new.yaml").symlink_to("old.yaml")
        case _:
            (path / "old.yaml").unlink()
    assert await woken(folder)


async def test_nothing_wakes_when_nothing_changes_and_hidden_files_do_not_count(
    path: Path, folder: InotifyFolder
) -> None:
    folder.look()
    (path / ".hidden").write_text("x")
    assert not await woken(folder, within_s=0.1)


async def test_a_file_is_being_written_until_it_is_closed(path: Path, folder: InotifyFolder) -> None:
    folder.look()
    with (path / "web.yaml").open("w") as file:
        file.write("half of ")
        file.flush()
        assert not await woken(folder, within_s=0.1)
        seen = folder.look()
        assert seen is not None
        assert seen["web.yaml"].being_written
        file.write("it")
    assert await woken(folder)
    seen = folder.look()
    assert seen is not None
    assert not seen["web.yaml"].being_written


async def test_another_content_is_another_signature(path: Path, folder: InotifyFolder) -> None:
    (path / "web.yaml").write_text("one")
    before = folder.look()
    assert before == folder.look()
    (path / "web.yaml").write_text("two")
    os.utime(path / "web.yaml", ns=(1, 1))
    assert before != folder.look()


async def test_reading_is_bounded_and_errors_are_ours(path: Path, folder: InotifyFolder) -> None:
    (path / "web.yaml").write_bytes(b"x" * 10)
    (path / "dir.yaml").mkdir()
    assert folder.read("web.yaml", limit_bytes=10) == b"x" * 10
    with pytest.raises(TooLargeError):
        folder.read("web.yaml", limit_bytes=9)
    with pytest.raises(NotFoundError):
        folder.read("gone.yaml", limit_bytes=9)
    with pytest.raises(StorageError):
        folder.read("dir.yaml", limit_bytes=9)


async def test_a_pipe_in_the_place_of_a_file_does_not_stop_the_agent(path: Path, folder: InotifyFolder) -> None:
    os.mkfifo(path / "web.yaml")
    assert folder.read("web.yaml", limit_bytes=10) == b""


async def test_an_unwatched_folder_is_looked_for_much_sooner_than_a_watched_one(tmp_path: Path) -> None:
    folder = InotifyFolder(tmp_path / "later", blind_s=0.05)
    assert folder.look() is None
    async with asyncio.timeout(1):
        await folder.changed(timeout_s=60)
    (tmp_path / "later").mkdir()
    assert folder.look() == {}
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await folder.changed(timeout_s=60)
    folder.close()
