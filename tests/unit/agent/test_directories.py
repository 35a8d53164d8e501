from __future__ import annotations

from pathlib import Path

import pytest

from edgelet.adapters.host import mounts
from edgelet.agent import directories
from edgelet.api.errors import EdgeletError
from edgelet.config.paths import PathSettings
from edgelet.config.settings import Settings


def settings(base: Path) -> Settings:
    names = ("state", "run", "manifests", "logs", "volumes")
    return Settings(paths=PathSettings(**{name: base / name for name in names}))


def test_directories_are_made_and_marked_as_ours(tmp_path: Path) -> None:
    directories.prepare(settings(tmp_path))
    assert (tmp_path / "state" / ".edgelet-agent").exists()
    assert (tmp_path / "run" / ".edgelet-agent").exists()
    assert (tmp_path / "volumes").is_dir()
    (tmp_path / "state" / "anything").touch()
    directories.prepare(settings(tmp_path))


def test_a_read_only_state_is_used_as_a_copy_that_goes_with_the_trouble(tmp_path: Path) -> None:
    given = settings(tmp_path)
    directories.prepare(given)
    state = tmp_path / "state"
    (state / "edgelet.db").write_text("rows")
    (state / "secrets").mkdir(mode=0o700)
    (state / "secrets" / "node.key").write_text("key")
    (state / "secrets" / "node.key").chmod(0o600)
    (state / "podman" / "copy").mkdir(parents=True)
    mounts.bind_read_only(str(state), str(state))
    try:
        used = directories.prepare(given)
    finally:
        mounts.unmount(str(state))
    assert directories.is_shadow(used)
    assert not directories.is_shadow(given)
    copy = used.paths.state
    assert copy == tmp_path / "run" / "state"
    assert sorted(one.name for one in copy.iterdir()) == [".edgelet-agent", "edgelet.db", "secrets"]
    assert (copy / "secrets" / "node.key").stat().st_mode & 0o777 == 0o600
    assert directories.prepare(given) == given
    assert not copy.exists()


@pytest.mark.parametrize("name", ["state", "run"])
def test_a_directory_of_somebody_else_is_never_written_into(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "config.yaml").write_text("theirs")
    with pytest.raises(EdgeletError, match=r"config\.yaml, which this agent did not make") as caught:
        directories.prepare(settings(tmp_path))
    assert caught.value.reason == "NotOurs"
    assert [entry.name for entry in (tmp_path / name).iterdir()] == ["config.yaml"]


def test_what_an_installation_brings_is_no_stranger(tmp_path: Path) -> None:
    (tmp_path / "state" / "tls").mkdir(parents=True)
    directories.prepare(settings(tmp_path))


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(EdgeletError, match=r"cannot prepare .*/state: "):
        directories.prepare(settings(tmp_path))
