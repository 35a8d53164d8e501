"""Killed before any of its steps, an exchange leaves one working pair, and can be done again."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from edgelet.adapters.identity.pair_store import PairStore
from edgelet.api.errors import BusError

STEPS = frozenset({"open", "os.rename", "os.symlink", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree"})


def make(directory: Path, *, name: str = "old") -> PairStore:
    directory.mkdir(parents=True)
    store = PairStore(directory / "node.crt", directory / "node.key", directory / "ca.crt")
    store.certificate.write_text(f"{name} certificate")
    store.key.write_text(f"{name} key")
    assert store.authorities is not None
    store.authorities.write_text(f"{name} authorities")
    return store


def stage(store: PairStore, name: str) -> None:
    store.open_stage()
    store.staged_certificate.write_text(f"{name} certificate")
    store.staged_key.write_text(f"{name} key")
    store.staged_key.chmod(0o600)


def pair(store: PairStore) -> str:
    """Return whose pair it is; both halves have to be of one."""
    whose = store.certificate.read_text().removesuffix(" certificate")
    assert store.key.read_text() == f"{whose} key"
    return whose


def run_and_die(work: str, store: PairStore, step: int) -> bool:
    """Do it in a child that kills itself before its step number `step`; True if it was done first."""
    child = os.fork()
    if child == 0:
        count = 0

        def hook(event: str, _arguments: object) -> None:
            nonlocal count
            if event in STEPS:
                count += 1
                if count > step:
                    os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.addaudithook(hook)
            getattr(store, work)()
        except BaseException:  # noqa: BLE001  the child must not go on as a second pytest
            os._exit(2)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return not os.WIFSIGNALED(status)


@pytest.mark.parametrize("generation", [1, 2, 3], ids=["files become links", "links", "the third pair"])
def test_killed_before_any_step_there_is_one_working_pair_and_it_can_be_done_again(
    tmp_path: Path, generation: int
) -> None:
    for step in range(200):
        directory = tmp_path / f"{step}"
        store = make(directory)
        present = "old"
        for number in range(1, generation):
            stage(store, f"pair {number}")
            store.install_pair()
            present = f"pair {number}"
        stage(store, "new")
        done = run_and_die("install_pair", store, step)
        assert pair(store) in {present, "new"}
        assert not done or pair(store) == "new"
        if pair(store) == present:
            if not store.staged_certificate.exists():  # killed after it left the stage: the next renewal stages another
                stage(store, "new")
            store.install_pair()
            assert pair(store) == "new"
        stage(store, "newer")  # whatever lies about does not hold up the next one
        store.install_pair()
        assert pair(store) == "newer"
        assert len([one for one in (directory / "pairs").iterdir() if not one.is_symlink()]) == 2
        shutil.rmtree(directory)
        if done:
            assert step > 5
            return
    raise AssertionError("it never ends")


def test_the_pair_before_is_kept_until_the_next_success(tmp_path: Path) -> None:
    store = make(tmp_path / "pki")
    for name in ("second", "third"):
        before = pair(store)
        stage(store, name)
        store.install_pair()
        assert (tmp_path / "pki" / "pairs" / "previous" / "node.key").read_text() == f"{before} key"
        assert store.key.stat().st_mode & 0o777 == 0o600


def test_certificate_and_key_may_lie_apart_and_the_directory_may_be_a_link(tmp_path: Path) -> None:
    real = tmp_path / "real"
    store = make(real)
    (tmp_path / "pki").symlink_to(real)
    (tmp_path / "keys").mkdir()
    (real / "node.key").rename(tmp_path / "keys" / "node.key")
    apart = PairStore(tmp_path / "pki" / "node.crt", tmp_path / "keys" / "node.key", store.authorities)
    for name in ("second", "third"):
        stage(apart, name)
        apart.install_pair()
        assert pair(apart) == name


def test_plain_files_that_somebody_put_there_again_are_the_present_pair(tmp_path: Path) -> None:
    """As `edgelet join` does when a board joins anew."""
    store = make(tmp_path / "pki")
    stage(store, "second")
    store.install_pair()
    for path, text in ((store.certificate, "joined certificate"), (store.key, "joined key")):
        fresh = path.with_suffix(".fresh")
        fresh.write_text(text)
        fresh.replace(path)
    assert pair(store) == "joined"
    stage(store, "third")
    store.install_pair()
    assert pair(store) == "third"
    assert (tmp_path / "pki" / "pairs" / "previous" / "node.crt").read_text() == "joined certificate"


def test_new_authorities_leave_the_old_beside_them_whenever_it_is_killed(tmp_path: Path) -> None:
    for step in range(100):
        store = make(tmp_path / f"{step}")
        assert store.authorities is not None
        store.open_stage()
        store.staged_authorities.write_text("new authorities")
        done = run_and_die("install_authorities", store, step)
        assert store.authorities.read_text() in {"old authorities", "new authorities"}
        if done:
            assert store.authorities.read_text() == "new authorities"
            assert (tmp_path / f"{step}" / "ca.crt.old").read_text() == "old authorities"
            return
    raise AssertionError("it never ends")


def test_what_the_disk_refuses_is_said_and_changes_nothing(tmp_path: Path) -> None:
    store = make(tmp_path / "pki")
    with pytest.raises(BusError, match=r"cannot install the new pair in .*pairs"):
        store.install_pair()  # nothing is staged
    assert pair(store) == "old"
    (tmp_path / "pki" / "pairs").write_text("a file")
    with pytest.raises(BusError, match=r"cannot make .*pairs/new"):
        store.open_stage()
