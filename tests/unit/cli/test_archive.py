from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from edgelet.cli import archive
from edgelet.cli.failure import CliError


def tar(*members: tuple[str, bytes | dict[str, Any]]) -> io.BytesIO:
    """An archive of files, or of members with fields of their own."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as made:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                made.addfile(info, io.BytesIO(content))
            else:
                for field, value in content.items():
                    setattr(info, field, value)
                made.addfile(info)
    return io.BytesIO(sink.getvalue())


def link(target: str) -> dict[str, Any]:
    return {"type": tarfile.SYMTYPE, "linkname": target}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "home" / "target"


def below(path: Path) -> set[str]:
    return {str(one.relative_to(path)) for one in path.rglob("*")}


def test_a_tree_goes_there_and_back_with_its_rights(tmp_path: Path, target: Path) -> None:
    source = tmp_path / "source"
    (source / "deep" / "empty").mkdir(parents=True)
    (source / "run").write_bytes(b"#!/bin/sh\n")
    (source / "run").chmod(0o750)
    (source / "deep" / "big").write_bytes(os.urandom(1_000_000))
    os.link(source / "run", source / "deep" / "same")
    sink = io.BytesIO()
    archive.pack(str(source), "site", sink)
    taken = archive.unpack(io.BytesIO(sink.getvalue()), prefix="site", target=str(target), keep_modes=True)
    assert taken == 6
    assert below(target) == {"run", "deep", "deep/empty", "deep/big", "deep/same"}
    assert (target / "deep" / "big").read_bytes() == (source / "deep" / "big").read_bytes()
    assert (target / "deep" / "same").read_bytes() == b"#!/bin/sh\n"
    assert (target / "run").stat().st_mode & 0o777 == 0o750


def test_one_file_becomes_the_target(tmp_path: Path) -> None:
    taken = archive.unpack(
        tar(("var/log/a.log", b"x")), prefix="var/log/a.log", target=str(tmp_path / "b"), keep_modes=True
    )
    assert (taken, (tmp_path / "b").read_bytes()) == (1, b"x")


def test_nobody_gets_set_uid_by_a_copy(target: Path) -> None:
    members = tar(
        ("a", {"type": tarfile.DIRTYPE, "mode": 0o2500}), ("a/su", {"mode": 0o6755}), ("a/plain", {"mode": 0o600})
    )
    archive.unpack(members, prefix="a", target=str(target), keep_modes=True)
    assert (target / "su").stat().st_mode & 0o7777 == 0o755
    assert target.stat().st_mode & 0o7777 == 0o700


def test_rights_are_ours_where_they_are_not_kept(target: Path) -> None:
    before = os.umask(0o027)
    try:
        archive.unpack(tar(("a/x", {"mode": 0o777})), prefix="a", target=str(target), keep_modes=False)
    finally:
        os.umask(before)
    assert (target / "x").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("name", ["a/../../evil", "a/../../../evil", "a/./../../evil", "a//../../evil", "a/.."])
def test_a_name_that_leads_out_is_left_out(target: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    archive.unpack(tar((name, b"evil"), ("a/good", b"good")), prefix="a", target=str(target), keep_modes=True)
    assert below(target.parent) == {"target", "target/good"}
    assert not (target.parent.parent / "evil").exists()
    assert "is outside target destination, skipping" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["evil", "ab/evil", "../evil", "/etc/evil"])
def test_other_names_than_what_was_asked_for_are_no_archive_of_it(target: Path, name: str) -> None:
    with pytest.raises(CliError, match="tar contents corrupted"):
        archive.unpack(tar((name, b"evil")), prefix="a", target=str(target), keep_modes=True)
    assert not target.exists()


def test_a_link_is_not_made_and_nothing_goes_through_it(
    tmp_path: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    members = tar(("a/way", link(str(outside))), ("a/way/evil", b"evil"), ("a/file", link("/etc/passwd")))
    archive.unpack(members, prefix="a", target=str(target), keep_modes=True)
    assert list(outside.iterdir()) == []
    assert not [one for one in target.rglob("*") if one.is_symlink()]
    assert f'warning: skipping symlink: "{target}/way" -> "{outside}"' in capsys.readouterr().err


def test_links_that_stand_in_the_target_are_no_way_out(
    tmp_path: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    target.mkdir(parents=True)
    (target / "way").symlink_to(outside)
    (target / "file").symlink_to(outside / "victim")
    members = tar(("a/way/evil", b"evil"), ("a/file", b"evil"), ("a/way/deep", {"type": tarfile.DIRTYPE}))
    archive.unpack(members, prefix="a", target=str(target), keep_modes=True)
    assert list(outside.iterdir()) == []
    assert capsys.readouterr().err.count("is outside target destination, skipping") == 3


def test_hard_links_reach_only_what_came_before_and_devices_are_left_out(
    tmp_path: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    hard = {"type": tarfile.LNKTYPE, "linkname": str(secret)}
    members = tar(("a/stolen", hard), ("a/null", {"type": tarfile.CHRTYPE}), ("a/pipe", {"type": tarfile.FIFOTYPE}))
    assert archive.unpack(members, prefix="a", target=str(target), keep_modes=True) == 0
    assert not target.exists()
    assert capsys.readouterr().err.count("neither a file nor a directory") == 3


def test_a_stream_that_ends_too_soon_is_told(target: Path) -> None:
    whole = tar(("a/big", b"x" * 100_000)).getvalue()
    with pytest.raises(CliError, match="tar contents corrupted"):
        archive.unpack(io.BytesIO(whole[:50_000]), prefix="a", target=str(target), keep_modes=True)
    with pytest.raises(CliError, match="tar contents corrupted"):
        archive.unpack(io.BytesIO(b"no archive at all" * 100), prefix="a", target=str(target), keep_modes=True)


def test_nothing_at_all_is_nothing(target: Path) -> None:
    assert archive.unpack(io.BytesIO(b""), prefix="a", target=str(target), keep_modes=True) == 0


def test_a_link_that_is_named_itself_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"x")
    (tmp_path / "link").symlink_to("real")
    sink = io.BytesIO()
    archive.pack(str(tmp_path / "link"), "name", sink)
    with tarfile.open(fileobj=io.BytesIO(sink.getvalue())) as made:
        (member,) = made.getmembers()
    assert (member.name, member.isfile(), member.size) == ("name", True, 1)


def test_a_tree_may_be_deeper_than_calls_may_be(tmp_path: Path) -> None:
    deep = tmp_path / "source"
    levels = sys.getrecursionlimit() + 100
    subprocess.run(("mkdir", "-p", deep / "/".join("d" * levels)), check=True)
    try:
        sink = io.BytesIO()
        archive.pack(str(deep), "site", sink)
    finally:
        subprocess.run(("rm", "-rf", deep), check=True)
    with tarfile.open(fileobj=io.BytesIO(sink.getvalue())) as made:
        assert len(made.getnames()) == levels + 1


def test_a_name_of_too_many_parts_is_told(target: Path) -> None:
    name = f"site/{'d/' * (sys.getrecursionlimit() + 100)}file"
    with pytest.raises(CliError, match="tar contents corrupted"):
        archive.unpack(tar((name, b"x")), prefix="site", target=str(target), keep_modes=True)


def test_a_name_that_no_file_can_have_is_told(target: Path) -> None:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.PAX_FORMAT) as made:
        info = tarfile.TarInfo("site/a")
        info.pax_headers = {"path": "site/a\0b"}
        made.addfile(info, io.BytesIO())
    with pytest.raises(CliError, match="tar contents corrupted"):
        archive.unpack(io.BytesIO(sink.getvalue()), prefix="site", target=str(target), keep_modes=True)


def test_names_of_the_container_do_not_reach_the_terminal_as_they_are(
    target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.unpack(tar(("site/\x1b[31mü", link("\x1b]0;x"))), prefix="site", target=str(target), keep_modes=True)
    told = capsys.readouterr().err
    assert "\x1b" not in told
    assert "\\u001b[31m" in told
