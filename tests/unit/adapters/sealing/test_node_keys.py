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
