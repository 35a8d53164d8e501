from __future__ import annotations

from pathlib import Path

from edgelet.adapters.host import mounts
from edgelet.adapters.podman import scratch


def test_small_files_of_a_killed_engine_go_and_layers_stay(tmp_path: Path) -> None:
    (tmp_path / "2899600620").write_text("{}")
    (tmp_path / "storage123").mkdir()
    (tmp_path / "storage123" / "layer").write_text("x")
    scratch.clear({"TMPDIR": str(tmp_path)})
    assert [one.name for one in tmp_path.iterdir()] == ["storage123"]
    scratch.clear({"TMPDIR": str(tmp_path / "gone")})
    scratch.clear({})


def test_a_read_only_place_is_replaced(tmp_path: Path) -> None:
    given = {"TMPDIR": str(tmp_path / "copy"), "HOME": "/root"}
    (tmp_path / "copy").mkdir()
    assert scratch.environment(given, instead=tmp_path) == given
    mounts.bind_read_only(str(tmp_path / "copy"), str(tmp_path / "copy"))
    try:
        assert scratch.environment(given, instead=tmp_path) == {**given, "TMPDIR": str(tmp_path)}
    finally:
        mounts.unmount(str(tmp_path / "copy"))
    assert scratch.environment({}, instead=tmp_path) == {}
