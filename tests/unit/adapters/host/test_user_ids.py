"""Blocks of user ids: distinct, kept, given back, and never somebody else's."""

from __future__ import annotations

import errno
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edgelet.adapters.host import user_ids
from edgelet.adapters.host.user_ids import IdRange, UserIds
from edgelet.ports.pod_files import USER_IDS

FIRST = 0x7000_0000


def blocks(volumes: Path, count: int = 4, subordinate: tuple[str, ...] = ()) -> UserIds:
    return UserIds(str(volumes), ids=IdRange(FIRST, count * USER_IDS), subordinate=subordinate)


def test_each_pod_has_a_block_of_its_own_also_when_all_ask_at_once(tmp_path: Path) -> None:
    ids = blocks(tmp_path, count=8)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(ids.take, [f"pod-{number}" for number in range(8)]))
    assert sorted(found) == [FIRST + number * USER_IDS for number in range(8)]


def test_a_pod_keeps_its_block_over_restarts_and_settings_that_change(tmp_path: Path) -> None:
    blocks(tmp_path).take("a")
    first = blocks(tmp_path).take("b")
    elsewhere = UserIds(str(tmp_path), ids=IdRange(USER_IDS, USER_IDS), subordinate=())
    assert (elsewhere.take("b"), elsewhere.of("b")) == (first, first)


def test_the_lowest_block_whose_files_are_gone_is_given_again(tmp_path: Path) -> None:
    ids = blocks(tmp_path)
    taken = {uid: ids.take(uid) for uid in "abc"}
    shutil.rmtree(tmp_path / "a")
    shutil.rmtree(tmp_path / "b")
    assert ids.take("d") == taken["a"]


def test_what_people_have_for_containers_of_their_own_is_left_out(tmp_path: Path) -> None:
    names = tmp_path / "subuid"
    names.write_text(f"# people\njane:{FIRST - 10}:11\n1000:{FIRST + 2 * USER_IDS - 1}:1\nbroken\n")
    ids = blocks(tmp_path / "v", count=4, subordinate=(str(names), str(tmp_path / "none")))
    assert ids.take("a") == FIRST + 2 * USER_IDS


def test_without_a_free_block_there_is_none(tmp_path: Path) -> None:
    ids = blocks(tmp_path, count=1)
    ids.take("a")
    with pytest.raises(OSError, match="could not find an empty slot"):
        ids.take("b")
    assert not (tmp_path / "b").exists()


def test_a_damaged_record_is_told_and_not_guessed(tmp_path: Path) -> None:
    ids = blocks(tmp_path)
    ids.take("a")
    (tmp_path / "a" / "user-ids").write_text("")
    with pytest.raises(OSError, match="damaged"):
        ids.of("a")


def proc(root: Path, *, most: str = "100\n", own: str = "0 0 4294967295\n", built_in: bool = True) -> Path:
    (root / "self/ns").mkdir(parents=True)
    (root / "sys/user").mkdir(parents=True)
    if built_in:
        (root / "self/ns/user").touch()
    (root / "self/uid_map").write_text(own)
    (root / "sys/user/max_user_namespaces").write_text(most)
    return root


def test_a_kernel_without_user_namespaces_says_why(tmp_path: Path) -> None:
    ids = IdRange()
    assert not user_ids.why_not(ids, proc(tmp_path / "good"))
    assert "CONFIG_USER_NS" in user_ids.why_not(ids, proc(tmp_path / "none", built_in=False))
    assert "max_user_namespaces is 0" in user_ids.why_not(ids, proc(tmp_path / "off", most="0\n"))
    assert "lacks the ids" in user_ids.why_not(ids, proc(tmp_path / "inner", own="0 100000 65536\n"))
    assert not user_ids.why_not(IdRange(65536, 65536), proc(tmp_path / "fits", own="0 5 65536\n65536 100000 65536\n"))


def test_a_file_among_the_directories_of_pods_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / ".keep").touch()
    assert blocks(tmp_path).take("a") == FIRST


def test_a_disk_that_is_full_is_told_by_the_file_that_does_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*/a/user-ids'"):
        blocks(tmp_path).take("a")
    monkeypatch.undo()
    assert blocks(tmp_path).take("b") == blocks(tmp_path).take("b") == FIRST
