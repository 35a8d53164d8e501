"""Key files that the disk does not give, or that are something else: no key is lost for them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgelet.adapters.sealing.node_keys import CREDENTIAL_NAME, NodeKeys
from edgelet.api.errors import EdgeletError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secrets" / "node.key"


def of_file(path: Path) -> NodeKeys:
    return NodeKeys.of_file(path, default=path)


UNREADABLE = ("directory", "loop")


def _make_unreadable(path: Path, how: str) -> None:
    path.mkdir() if how == "directory" else path.symlink_to(path.name)


@pytest.mark.parametrize("how", UNREADABLE)
@pytest.mark.parametrize("name", ["node.key.next", "node.key.old", "default.key"])
def test_a_file_beside_the_key_that_cannot_be_read_does_not_cost_the_key(path: Path, name: str, how: str) -> None:
    key, sealed = of_file(path).seal(b"hunter2", about=b"")
    _make_unreadable(path.with_name(name), how)
    again = NodeKeys.of_file(path, default=path.with_name("default.key"))
    assert again.open(sealed, key=key, about=b"") == b"hunter2"
    assert again.trouble == ""


@pytest.mark.parametrize("how", UNREADABLE)
def test_what_could_not_be_read_is_never_destroyed_by_a_change(path: Path, how: str) -> None:
    of_file(path)
    _make_unreadable(path.with_name("node.key.old"), how)
    keys = of_file(path)
    keys.begin()
    keys.settle()
    assert of_file(path).key == keys.key
    assert [one.name for one in keys.set_aside] == ["node.key.old.unread"]


@pytest.mark.parametrize("how", UNREADABLE)
def test_no_other_key_is_made_while_the_key_cannot_be_read(path: Path, how: str) -> None:
    of_file(path)
    good = path.rename(path.with_name("good"))
    _make_unreadable(path, how)
    keys = of_file(path)
    with pytest.raises(EdgeletError, match=f"cannot make a new node key: the node key in {path} cannot be read"):
        keys.begin()
    assert sorted(one.name for one in path.parent.iterdir()) == ["good", "node.key"]
    assert good.read_bytes()


@pytest.mark.parametrize("how", UNREADABLE)
def test_a_change_that_was_cut_off_leaves_a_key_that_cannot_be_read(path: Path, how: str) -> None:
    keys = of_file(path)
    keys.begin()
    path.unlink()
    _make_unreadable(path, how)
    again = of_file(path)
    assert again.key == keys.key
    again.settle()
    assert sorted(one.name for one in path.parent.iterdir()) == ["node.key", "node.key.unread"]


def test_a_copy_of_the_key_under_the_old_name_goes_with_it(path: Path) -> None:
    of_file(path)
    path.with_name("node.key.old").write_bytes(path.read_bytes())
    keys = of_file(path)
    keys.begin()
    keys.settle()
    assert [one.name for one in path.parent.iterdir()] == ["node.key"]


def test_what_keeps_a_new_key_from_being_made_is_named(path: Path) -> None:
    keys = of_file(path)
    path.with_name("node.key.next.tmp").mkdir()
    with pytest.raises(EdgeletError, match=r"node\.key\.next\.tmp: "):
        keys.begin()


def test_of_the_files_that_were_set_aside_the_newest_three_are_kept(path: Path) -> None:
    of_file(path)
    path.with_name("node.key.unusable-note").write_text("somebody's")
    for number in range(1, 7):
        path.write_bytes(f"{number}".encode())
        keys = of_file(path)
        assert keys.set_aside[0].read_bytes() == f"{number}".encode()
    kept = {one.name: one.read_bytes() for one in path.parent.glob("node.key.unusable-[0-9]*")}
    assert kept == {"node.key.unusable-4": b"4", "node.key.unusable-5": b"5", "node.key.unusable-6": b"6"}
    assert not path.with_name("node.key.unusable").exists()
    assert path.with_name("node.key.unusable-note").read_text() == "somebody's"


def test_a_directory_that_has_an_old_name_costs_no_key(path: Path) -> None:
    of_file(path)
    path.with_name("node.key.unusable").mkdir()
    for _ in range(4):
        path.write_bytes(b"")
        assert of_file(path).key
    assert path.with_name("node.key.unusable").is_dir()


@pytest.mark.parametrize("name", ["node.key.next", "node.key.old"])
def test_a_directory_beside_the_key_is_told_and_the_good_key_goes_on(path: Path, name: str) -> None:
    first = of_file(path)
    sealed = first.seal(b"kept", about=b"")
    path.with_name(name).mkdir()
    keys = of_file(path)
    assert keys.key == first.key
    assert keys.open(sealed[1], key=sealed[0], about=b"") == b"kept"
    assert keys.passed_over == (f"the node key in {path.with_name(name)} cannot be read: Is a directory",)
    assert keys.trouble == ""
    assert not keys.unsettled
    assert path.with_name(name).is_dir()


def test_a_directory_in_the_next_keys_place_keeps_the_key_from_being_changed_and_is_named(path: Path) -> None:
    keys = of_file(path)
    first = keys.key
    path.with_name("node.key.next").mkdir()
    with pytest.raises(EdgeletError, match=r"node\.key\.next: Is a directory"):
        keys.begin()
    assert keys.key == first


def test_a_directory_in_the_keys_own_place_is_named_and_stays(path: Path) -> None:
    path.mkdir(parents=True)
    keys = of_file(path)
    assert (keys.key, keys.trouble) == ("", f"the node key in {path} cannot be read or made: Is a directory")
    assert path.is_dir()


def test_a_directory_where_the_key_was_does_not_keep_a_credential_out(tmp_path: Path) -> None:
    (tmp_path / CREDENTIAL_NAME).write_bytes(os.urandom(32))
    (tmp_path / "node.key").mkdir()
    keys = NodeKeys.of_credentials(tmp_path, default=tmp_path / "node.key")
    assert keys.key
    assert "node.key cannot be read: Is a directory" in keys.passed_over[0]


def test_a_directory_in_the_way_of_a_new_key_is_named(path: Path) -> None:
    path.with_name("node.key.tmp").mkdir(parents=True)
    assert "node.key.tmp: Is a directory" in of_file(path).trouble
