from __future__ import annotations

from pathlib import Path

import pytest

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
