from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPTS = sorted(
    path
    for path in (*(ROOT / "scripts").iterdir(), ROOT / ".ci/run")
    if path.is_file() and path.read_bytes().startswith(b"#!/usr/bin/env bash\n")
)


def test_the_scripts_that_people_know_are_there() -> None:
    names = {path.name for path in SCRIPTS}
    assert {"quickstart", "test", "check", "install", "uninstall", "venv", "packages", "lock", "wheels", "run"} <= names


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.name))
def test_script_can_be_run_and_stops_at_errors(script: Path) -> None:
    assert os.access(script, os.X_OK)
    text = script.read_text()
    assert text.splitlines()[1].startswith("# ")
    assert "\nset -euo pipefail\n" in text
    subprocess.run(("bash", "-n", script), check=True)


def run(*argv: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=20, check=False
    )


def test_quickstart_tells_its_use() -> None:
    done = run("scripts/quickstart", "--help")
    assert done.returncode == 0
    assert "usage: scripts/quickstart" in done.stdout
    assert "--keep" in done.stdout
    assert "set -euo" not in done.stdout


@pytest.mark.parametrize("script", ["quickstart", "install", "uninstall"])
def test_unknown_option_is_refused_with_the_use(script: str) -> None:
    done = run(f"scripts/{script}", "--bogus")
    assert done.returncode == 2
    assert f"usage: scripts/{script}" in done.stderr


def test_packages_that_are_there_are_not_installed_again() -> None:
    done = run("scripts/packages", "bash", "coreutils")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_packages_without_apt_say_what_is_missing(tmp_path: Path) -> None:
    for name in ("bash", "dpkg-query", "grep", "dpkg"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    done = run("/usr/bin/bash", "scripts/packages", "no-such-package", PATH=str(tmp_path))
    assert done.returncode == 1
    assert "missing and there is no apt-get to install them: no-such-package" in done.stderr


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("etc/systemd/system/edgelet.service", "was not installed by this script"),
        ("usr/local/bin/edgelet", "was not installed by this script"),
        ("etc/edgelet/config.yaml", "belongs to another program called edgelet"),
        ("opt/edgelet/edgelet", "was not made by this script"),
    ],
)
def test_installation_leaves_alone_what_is_not_its_own(path: str, words: str, tmp_path: Path) -> None:
    foreign = tmp_path / path
    foreign.parent.mkdir(parents=True)
    foreign.write_text("somebody else's")
    before = sorted(tmp_path.rglob("*"))
    done = run("scripts/install", "--root", tmp_path)
    assert done.returncode == 1
    assert words in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def installed(root: Path) -> None:
    """Lay out what an installation leaves, without the minutes of making an environment."""
    for path in ("etc/systemd/system/edgelet.service", "usr/local/bin/edgelet", "opt/edgelet/venv.a/bin/edgelet"):
        (root / path).parent.mkdir(parents=True)
        (root / path).write_text("ours")
    (root / "opt/edgelet/INSTALLED").write_text("/etc/systemd/system/edgelet.service\n/usr/local/bin/edgelet\n")
    for path in ("etc/edgelet/edgelet.toml", "var/lib/edgelet/edgelet.db", "usr/local/bin/other"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("data")


def files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_uninstallation_removes_what_was_installed_and_keeps_data(tmp_path: Path) -> None:
    installed(tmp_path)
    done = run("scripts/uninstall", "--root", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Kept: /etc/edgelet, /var/lib/edgelet" in done.stdout
    assert files(tmp_path) == {"etc/edgelet/edgelet.toml", "var/lib/edgelet/edgelet.db", "usr/local/bin/other"}


def test_purge_removes_settings_and_state_too(tmp_path: Path) -> None:
    installed(tmp_path)
    done = run("scripts/uninstall", "--purge", "--root", tmp_path)
    assert done.returncode == 0, done.stderr
    assert files(tmp_path) == {"usr/local/bin/other"}


def test_purge_never_removes_through_a_mount(tmp_path: Path) -> None:
    installed(tmp_path)
    precious, point = tmp_path / "host", tmp_path / "var/lib/edgelet/pods/uid/volume"
    precious.mkdir()
    (precious / "photo").write_text("dear")
    point.mkdir(parents=True)
    subprocess.run(("mount", "--bind", precious, point), check=True)
    try:
        done = run("scripts/uninstall", "--purge", "--root", tmp_path)
    finally:
        subprocess.run(("umount", "--quiet", point), check=False, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert files(tmp_path) == {"usr/local/bin/other", "host/photo"}


def test_uninstallation_without_an_installation_touches_nothing(tmp_path: Path) -> None:
    (tmp_path / "etc/edgelet").mkdir(parents=True)
    done = run("scripts/uninstall", "--purge", "--root", tmp_path)
    assert done.returncode == 1
    assert "was not installed by scripts/install" in done.stderr
    assert (tmp_path / "etc/edgelet").is_dir()
