from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgelet.adapters.sealing import key_file
from edgelet.adapters.sealing.node_keys import CREDENTIAL_NAME, OLD_CREDENTIAL_NAME, NodeKeys
from edgelet.api.errors import EdgeletError
from edgelet.ports.sealing import UnreadableError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secrets" / "node.key"


def of_file(path: Path) -> NodeKeys:
    return NodeKeys.of_file(path, default=path)


def test_a_key_is_made_once_for_root_alone(path: Path) -> None:
    first = of_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert of_file(path).key == first.key != ""
    assert [one.name for one in path.parent.iterdir()] == ["node.key"]


def test_what_was_sealed_opens_after_a_restart_for_the_same_thing_alone(path: Path) -> None:
    key, sealed = of_file(path).seal(b"hunter2", about=b"this")
    again = of_file(path)
    assert again.open(sealed, key=key, about=b"this") == b"hunter2"
    with pytest.raises(UnreadableError, match="belongs to another object"):
        again.open(sealed, key=key, about=b"that")


def test_no_bit_of_what_was_sealed_can_be_changed(path: Path) -> None:
    keys = of_file(path)
    key, sealed = keys.seal(b"hunter2", about=b"this")
    for index in range(len(sealed)):
        changed = bytearray(sealed)
        changed[index] ^= 1
        with pytest.raises(UnreadableError):
            keys.open(bytes(changed), key=key, about=b"this")
    for end in range(len(sealed)):
        with pytest.raises(UnreadableError):
            keys.open(sealed[:end], key=key, about=b"this")


def test_a_key_that_is_not_here_is_named_with_the_one_that_is(path: Path) -> None:
    keys = of_file(path)
    with pytest.raises(UnreadableError, match=f"under node key 0123, and the key here is {keys.key}"):
        keys.open(b"", key="0123", about=b"")


def test_while_it_changes_both_keys_open_and_the_next_one_seals(path: Path) -> None:
    keys = of_file(path)
    before = keys.seal(b"old", about=b"")
    keys.begin()
    assert keys.unsettled
    assert keys.key != before[0]
    for one in (keys, of_file(path)):
        assert one.open(before[1], key=before[0], about=b"") == b"old"
        assert one.seal(b"", about=b"")[0] == keys.key


def test_after_a_change_the_old_key_is_nowhere(path: Path) -> None:
    keys = of_file(path)
    before = keys.seal(b"old", about=b"")
    text = path.read_bytes()
    keys.begin()
    keys.settle()
    assert not keys.unsettled
    with pytest.raises(UnreadableError):
        keys.open(before[1], key=before[0], about=b"")
    assert [one.name for one in path.parent.iterdir()] == ["node.key"]
    assert path.read_bytes() != text
    assert of_file(path).key == keys.key


def test_a_change_that_was_begun_twice_keeps_the_first_new_key(path: Path) -> None:
    keys = of_file(path)
    keys.begin()
    key = keys.key
    keys.begin()
    assert keys.key == key
    again = of_file(path)
    again.begin()
    assert again.key == key


@pytest.mark.parametrize("cut", ["before the renames", "between the renames", "before the end"])
def test_a_change_that_was_cut_off_goes_on_with_the_new_key(path: Path, cut: str) -> None:
    keys = of_file(path)
    before = keys.seal(b"old", about=b"")
    keys.begin()
    if cut != "before the renames":
        path.rename(path.with_name("node.key.old"))
    if cut == "before the end":
        path.with_name("node.key.next").rename(path)
    again = of_file(path)
    assert again.key == keys.key
    assert again.unsettled
    assert again.open(before[1], key=before[0], about=b"") == b"old"
    again.settle()
    assert [one.name for one in path.parent.iterdir()] == ["node.key"]
    assert of_file(path).key == keys.key


def test_an_old_key_that_is_put_back_beside_the_new_one_opens(path: Path) -> None:
    keys = of_file(path)
    before = keys.seal(b"old", about=b"")
    path.rename(path.with_name("saved"))
    assert of_file(path).key != keys.key
    path.with_name("saved").rename(path.with_name("node.key.old"))
    assert of_file(path).open(before[1], key=before[0], about=b"") == b"old"


def test_a_file_that_is_no_key_is_kept_under_another_name(path: Path) -> None:
    of_file(path)
    path.write_bytes(b"edgelet-node-key-1 AAAA\n")
    assert of_file(path).key
    assert path.with_name("node.key.unusable").read_bytes() == b"edgelet-node-key-1 AAAA\n"


def test_a_credential_may_be_32_bytes_or_our_text(tmp_path: Path, path: Path) -> None:
    of_file(path)
    secret = os.urandom(32)
    (tmp_path / CREDENTIAL_NAME).write_bytes(secret)
    (tmp_path / OLD_CREDENTIAL_NAME).write_bytes(path.read_bytes())
    keys = NodeKeys.of_credentials(tmp_path, default=tmp_path / "none")
    sealed = of_file(path).seal(b"old", about=b"")
    assert keys.open(sealed[1], key=sealed[0], about=b"") == b"old"
    with pytest.raises(EdgeletError, match="systemd-creds"):
        keys.begin()


def test_a_key_file_gives_way_to_a_credential(tmp_path: Path, path: Path) -> None:
    sealed = of_file(path).seal(b"old", about=b"")
    (tmp_path / CREDENTIAL_NAME).write_bytes(os.urandom(32))
    keys = NodeKeys.of_credentials(tmp_path, default=path)
    assert keys.open(sealed[1], key=sealed[0], about=b"") == b"old"
    assert keys.unsettled
    keys.settle()
    assert not path.exists()
    assert (tmp_path / CREDENTIAL_NAME).exists()


@pytest.mark.parametrize("directory", [True, False])
def test_without_its_credential_nothing_is_made_and_nothing_can_be_kept(tmp_path: Path, *, directory: bool) -> None:
    keys = NodeKeys.of_credentials(tmp_path if directory else None, default=tmp_path / "node.key")
    assert keys.key == ""
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UnreadableError, match="no node key"):
        keys.seal(b"", about=b"")


def test_a_disk_that_refuses_the_key_leaves_a_board_without_one_that_says_why(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("no directory")
    keys = of_file(tmp_path / "secrets" / "node.key")
    assert keys.key == ""
    assert "cannot be read or made: Not a directory" in keys.trouble


def test_nothing_that_is_shown_of_a_key_holds_it(path: Path) -> None:
    keys = of_file(path)
    shown = f"{keys!r} {keys._current!r} {keys.key}"
    assert keys._current is not None
    assert keys._current.secret.hex() not in shown
    assert repr(keys._current.secret) not in shown


UNUSABLE = [b"", b"garbage", bytes(64), bytes(32), b"\xff" * 32, b"edgelet-node-key-1 0123456789abc"]


@pytest.mark.parametrize("content", UNUSABLE)
def test_a_next_key_that_is_none_never_takes_the_place_of_a_good_one(path: Path, content: bytes) -> None:
    first = of_file(path)
    before = first.seal(b"old", about=b"")
    path.with_name("node.key.next").write_bytes(content)
    keys = of_file(path)
    assert keys.key == first.key
    assert not keys.unsettled
    assert keys.set_aside == (path.with_name("node.key.next.unusable"),)
    assert keys.set_aside[0].read_bytes() == content
    keys.settle()
    assert of_file(path).open(before[1], key=before[0], about=b"") == b"old"


@pytest.mark.parametrize("content", UNUSABLE)
def test_a_next_key_that_is_none_does_not_keep_the_key_from_being_changed(path: Path, content: bytes) -> None:
    keys = of_file(path)
    first = keys.key
    path.with_name("node.key.next").write_bytes(content)
    keys.begin()
    assert keys.key != first
    assert keys.unsettled
    keys.settle()
    assert of_file(path).key == keys.key
    assert path.with_name("node.key.next.unusable").read_bytes() == content
    keys.begin()  # once more, by the same process
    keys.settle()
    assert of_file(path).key == keys.key


def test_a_next_key_that_breaks_while_it_is_taken_up_is_written_again(path: Path) -> None:
    keys = of_file(path)
    keys.begin()
    path.with_name("node.key.next").write_bytes(b"")
    keys.settle()
    assert of_file(path).key == keys.key


@pytest.mark.parametrize("size", range(1, 63))
def test_a_file_that_was_cut_off_is_no_key(path: Path, size: int) -> None:
    first = of_file(path)
    text = path.read_bytes()
    path.write_bytes(text[:size])
    keys = of_file(path)
    assert keys.key not in {"", first.key}
    assert path.with_name("node.key.unusable").read_bytes() == text[:size]


def test_a_file_that_was_set_aside_is_told_although_the_disk_refuses_a_new_key(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_file(path)
    path.write_bytes(b"garbage")

    def full(_path: Path, _content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(key_file, "write", full)
    keys = of_file(path)
    assert keys.trouble.endswith("cannot be read or made: No space left on device")
    assert keys.set_aside == (path.with_name("node.key.unusable"),)


def test_a_file_that_is_set_aside_does_not_overwrite_the_one_before(path: Path) -> None:
    of_file(path)
    for content in (b"first", b"second"):
        path.write_bytes(content)
        of_file(path)
    assert path.with_name("node.key.unusable").read_bytes() == b"first"
    assert path.with_name("node.key.unusable-2").read_bytes() == b"second"


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
