"""A storage's files put in order: on a directory that looks like one of Podman's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edgelet.adapters.podman import storage_repair
from edgelet.adapters.podman.storage_repair import OwnStorage
from edgelet.api.errors import EngineError

_HOLD = """
import fcntl, os, sys
fcntl.lockf(os.open(sys.argv[1], os.O_RDWR), fcntl.LOCK_EX)
os.write(1, b"x")
sys.stdin.read()
"""
BASE, TOP, RW, IMAGE, BOX = (letter * 64 for letter in "abcde")


@pytest.fixture
def own(tmp_path: Path) -> OwnStorage:
    """One image of two layers and a container of it."""
    root = tmp_path / "s"
    for number, layer in enumerate((BASE, TOP, RW)):
        (root / "overlay" / layer / "diff").mkdir(parents=True)
        (root / "overlay" / layer / "link").write_text(f"L{number}")
        (root / "overlay" / "l").mkdir(exist_ok=True)
        (root / "overlay" / "l" / f"L{number}").symlink_to(f"../{layer}/diff")
    write(root, "layers", [{"id": BASE, "diff-digest": "x"}, {"id": TOP, "parent": BASE}, {"id": RW, "parent": TOP}])
    write(root, "images", [{"id": IMAGE, "names": ["r/box:1"], "layer": TOP}])
    write(root, "containers", [{"id": BOX, "layer": RW}])
    (root / "overlay-images" / IMAGE).mkdir()
    (root / "overlay-containers" / BOX).mkdir()
    (root / "overlay-layers" / f"{TOP}.tar-split.gz").touch()
    (tmp_path / "rr" / "overlay-containers" / BOX).mkdir(parents=True)
    return OwnStorage(root, tmp_path / "rr")


def write(root: Path, kind: str, entries: list[dict[str, Any]]) -> None:
    folder = root / f"overlay-{kind}"
    folder.mkdir(exist_ok=True)
    (folder / f"{kind}.json").write_text(json.dumps(entries))
    (folder / f"{kind}.lock").write_text("0" * 64)


def listed(own: OwnStorage, kind: str) -> list[str]:
    return [one["id"] for one in json.loads((own.root / f"overlay-{kind}" / f"{kind}.json").read_text())]


def names(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir() if len(one.name) == 64}


def test_a_whole_storage_is_not_written(own: OwnStorage) -> None:
    before = {path: path.stat().st_mtime_ns for path in own.root.rglob("*")}
    assert own.mend() == ""
    assert {path: path.stat().st_mtime_ns for path in own.root.rglob("*")} == before


def test_an_image_without_files_goes_with_all_of_it(own: OwnStorage) -> None:
    (own.root / "overlay" / BASE / "link").unlink()
    assert own.broken_images() == {IMAGE}
    assert "r/box:1 will be pulled again" in own.mend()
    assert [listed(own, kind) for kind in ("layers", "images", "containers")] == [[], [], []]
    assert names(own.root / "overlay") | names(own.root / "overlay-images") == set()
    assert names(own.root / "overlay-containers") | names(own.run_root / "overlay-containers") == set()
    assert list((own.root / "overlay" / "l").iterdir()) == [own.root / "overlay" / "l" / "L0"]  # nobody knows whose
    assert not list((own.root / "overlay-layers").glob("*.gz"))
    assert own.mend() == ""


def test_a_cut_list_is_shortened_and_an_engine_that_runs_hears_of_it(own: OwnStorage) -> None:
    path = own.root / "overlay-layers" / "layers.json"
    os.truncate(path, path.stat().st_size - 30)
    assert "the lists of layers of Podman's storage were damaged" in own.mend()
    assert (listed(own, "layers"), listed(own, "images"), listed(own, "containers")) == ([BASE, TOP], [IMAGE], [])
    assert names(own.root / "overlay") == {BASE, TOP}
    lock = (own.root / "overlay-layers" / "layers.lock").read_text()
    assert len(lock) == 64
    assert lock != "0" * 64


def test_a_list_of_zeros_empties_the_storage(own: OwnStorage) -> None:
    (own.root / "overlay-layers" / "layers.json").write_bytes(bytes(300))
    own.mend()
    assert [listed(own, kind) for kind in ("layers", "images", "containers")] == [[], [], []]
    assert names(own.root / "overlay") == set()


def test_what_newer_versions_list_elsewhere_stays(own: OwnStorage) -> None:
    volatile = "f" * 64
    (own.root / "overlay" / volatile).mkdir()
    (own.root / "overlay-layers" / "volatile-layers.json").write_text(json.dumps([{"id": volatile}]))
    (own.root / "overlay-layers" / "layers.json").write_text("")
    own.mend()
    assert names(own.root / "overlay") == {volatile}


def test_another_drivers_storage_is_left_alone(own: OwnStorage) -> None:
    (own.root / "overlay").rename(own.root / "vfs")
    assert (own.mend(), own.broken_images()) == ("", frozenset())


def test_a_storage_that_somebody_holds_is_mended_later(own: OwnStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_repair, "_LOCK_S", 0.1)
    (own.root / "overlay-layers" / "layers.json").write_text("")
    holder = subprocess.Popen(
        (sys.executable, "-c", _HOLD, str(own.root / "overlay-layers" / "layers.lock")),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.read(1) == b"x"
        with pytest.raises(EngineError, match="cannot repair"):
            own.mend()
    assert own.mend() != ""
