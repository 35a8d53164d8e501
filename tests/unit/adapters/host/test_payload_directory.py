# ruff: noqa: PTH208  a test looks at a handful of files; nothing else runs in its loop

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

from edgelet.adapters.host import payload_directory
from tests.unit.adapters.host.conftest import texts


def test_readers_see_the_old_set_or_the_new_one_never_a_mixture(root: Path) -> None:
    directory = root / "v"
    payload_directory.write(directory, texts(a="0", b="0"), gid=None)
    pairs: list[tuple[str, str]] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            # ENOENT: the old set went between the reading of a link and the opening of what it names, as it may with
            # the kubelet. The reader tries again; what it does get must be of one set.
            with contextlib.suppress(FileNotFoundError), contextlib.ExitStack() as opened:
                data = os.open(directory / "..data", os.O_RDONLY | os.O_DIRECTORY)
                opened.callback(os.close, data)
                pair = []
                for name in ("a", "b"):
                    file = os.open(name, os.O_RDONLY, dir_fd=data)
                    opened.callback(os.close, file)
                    pair.append(os.read(file, 10).decode())
                pairs.append((pair[0], pair[1]))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(100):
            assert payload_directory.write(directory, texts(a=str(number + 1), b=str(number + 1)), gid=None)
    finally:
        done.set()
        reader.join()
    assert len({pair for pair in pairs if pair[0] == pair[1]}) > 1, "the reader saw it change"
    assert [pair for pair in pairs if pair[0] != pair[1]] == []
    assert len(os.listdir(directory)) == 4  # ..data, one set, two links


def test_what_a_killed_write_left_is_swept(root: Path) -> None:
    directory = root / "v"
    payload_directory.write(directory, texts(a="1"), gid=None)
    (directory / "..2026_01_01_00_00_00.dead").mkdir()
    (directory / "..2026_01_01_00_00_00.dead" / "a").write_text("half")
    (directory / "..data_tmp").symlink_to("..2026_01_01_00_00_00.dead")
    (directory / "a").unlink()  # killed between the swap and the links
    assert not payload_directory.write(directory, texts(a="1"), gid=None)
    assert (directory / "a").read_text() == "1"
    assert len(os.listdir(directory)) == 3


def test_a_key_that_was_mounted_by_sub_path_before_it_existed_appears_later(root: Path) -> None:
    directory = root / "v"
    payload_directory.write(directory, {}, gid=None)
    (directory / "a").mkdir()
    payload_directory.write(directory, texts(a="1"), gid=None)
    assert (directory / "a").read_text() == "1"
