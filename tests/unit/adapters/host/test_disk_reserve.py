from __future__ import annotations

from pathlib import Path

from edgelet.adapters.host.disk_reserve import NAME, ReserveFiles


def test_blocks_are_taken_once_a_file_system_and_given_back(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    reserve = ReserveFiles(lambda: (tmp_path, other), size_bytes=65536)
    reserve.hold()
    file = tmp_path / NAME
    assert file.stat().st_blocks * 512 >= 65536
    assert not (other / NAME).exists(), "it is on the same one"
    made = file.stat().st_ino, file.stat().st_ctime_ns
    reserve.hold()
    assert (file.stat().st_ino, file.stat().st_ctime_ns) == made
    reserve.release()
    reserve.release()
    assert not file.exists()


def test_nothing_is_kept_where_nothing_is_asked_for_or_a_directory_is_missing(tmp_path: Path) -> None:
    ReserveFiles(lambda: (tmp_path,), size_bytes=0).hold()
    ReserveFiles(lambda: (tmp_path / "missing",), size_bytes=4096).hold()
    assert not list(tmp_path.iterdir())
