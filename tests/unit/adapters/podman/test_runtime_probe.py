"""Which OCI runtime is taken: told by programs that play one, and by this machine's own."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from edgelet.adapters.podman import boot_memo, runtime_probe
from edgelet.adapters.podman.runtime_probe import Choice
from edgelet.api.errors import EngineError

WORKS = "exit 0"
REFUSES = "echo cgroups in hybrid mode not supported >&2; exit 1"
REFUSES_SYSTEMD = 'case "$*" in *--systemd-cgroup*) echo no bus >&2; exit 1;; esac'


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def install(folder: Path, name: str, behaviour: str) -> Path:
    path = folder / name
    path.write_text(f'#!/bin/sh\necho "$0 $*" >> {folder}/calls\n{behaviour}\n')
    path.chmod(0o755)
    return path


def calls(folder: Path) -> int:
    log = folder / "calls"
    return len(log.read_text().splitlines()) if log.exists() else 0


async def choose(tmp_path: Path, *, wanted: str = "", systemd: bool = False, boot_id: str = "b") -> Choice:
    return await runtime_probe.choose(
        wanted=wanted,
        managers=("systemd", "cgroupfs") if systemd else ("cgroupfs",),
        boot_id=boot_id,
        run_dir=tmp_path,
    )


async def test_crun_is_taken_where_it_works(programs: Path, tmp_path: Path) -> None:
    path = install(programs, "crun", WORKS)
    install(programs, "runc", WORKS)
    assert await choose(tmp_path, systemd=True) == Choice("crun", str(path), "systemd")


async def test_runc_is_taken_where_crun_refuses(programs: Path, tmp_path: Path) -> None:
    install(programs, "crun", REFUSES)
    path = install(programs, "runc", WORKS)
    assert await choose(tmp_path) == Choice("runc", str(path), "cgroupfs")


async def test_cgroupfs_is_taken_where_systemd_gives_no_groups(programs: Path, tmp_path: Path) -> None:
    path = install(programs, "crun", REFUSES_SYSTEMD)
    assert await choose(tmp_path, systemd=True) == Choice("crun", str(path), "cgroupfs")


async def test_the_one_that_is_wanted_is_taken_or_nothing(programs: Path, tmp_path: Path) -> None:
    install(programs, "crun", WORKS)
    path = install(programs, "runc", WORKS)
    assert await choose(tmp_path, wanted="runc") == Choice("runc", str(path), "cgroupfs")
    assert await choose(tmp_path, wanted=str(path)) == Choice("runc", str(path), "cgroupfs")
    install(programs, "runc", REFUSES)
    with pytest.raises(EngineError, match="hybrid mode"):
        await choose(tmp_path, wanted="runc", boot_id="next")


async def test_when_none_works_each_ones_words_are_told(programs: Path, tmp_path: Path) -> None:
    install(programs, "crun", REFUSES)
    install(programs, "runc", "exit 3")
    with pytest.raises(EngineError, match=r"hybrid mode.*exit code 3") as caught:
        await choose(tmp_path)
    assert caught.value.reason == "EngineUnavailable"


@pytest.mark.usefixtures("programs")
async def test_when_none_is_installed_the_remedy_is_told(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="apt-get install crun"):
        await choose(tmp_path)
    with pytest.raises(EngineError, match="kata"):
        await choose(tmp_path, wanted="kata")


async def test_the_answer_is_kept_until_the_boot_or_a_binary_changes(programs: Path, tmp_path: Path) -> None:
    install(programs, "crun", WORKS)
    first = await choose(tmp_path)
    assert await choose(tmp_path) == first
    assert calls(programs) == 1
    await choose(tmp_path, boot_id="after a reboot")
    assert calls(programs) == 2
    install(programs, "crun", "exit 0 # an upgrade")
    await choose(tmp_path, boot_id="after a reboot")
    assert calls(programs) == 3


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": 1}', '{"key": "x", "answer": {"name": "crun"}}'])
async def test_a_damaged_note_is_no_note(programs: Path, tmp_path: Path, text: str) -> None:
    install(programs, "crun", WORKS)
    (tmp_path / "oci-runtime.json").write_text(text)
    assert (await choose(tmp_path)).name == "crun"


async def test_a_damaged_choice_is_probed_again(programs: Path, tmp_path: Path) -> None:
    path = install(programs, "crun", WORKS)
    key = boot_memo.fingerprint([str(path)], "b", ("cgroupfs",))
    (tmp_path / "oci-runtime.json").write_text(json.dumps({"key": key, "answer": {"name": "crun"}}))
    assert await choose(tmp_path) == Choice("crun", str(path), "cgroupfs")


async def test_a_runtime_that_hangs_is_given_up(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime_probe, "_TIMEOUT_S", 0.1)
    install(programs, "crun", "exec /bin/sleep 30")
    path = install(programs, "runc", WORKS)
    assert (await choose(tmp_path)).path == str(path)


def left_over(folder: Path) -> list[Path]:
    return [*folder.iterdir(), *Path("/sys/fs/cgroup").glob(f"*/edgelet-probe-{os.getpid()}*")]


@pytest.mark.podman
async def test_this_machine_has_one_that_starts_and_nothing_is_left(tmp_path: Path) -> None:
    choice = await choose(tmp_path)
    assert os.access(choice.path, os.X_OK)
    assert left_over(tmp_path) == [tmp_path / "oci-runtime.json"]
