"""scripts/install and scripts/uninstall below a directory, as for an image: with the real environment, twice."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
OURS = {
    "/etc/systemd/system/edgelet.service",
    "/etc/systemd/system/edgelet-join.service",
    "/usr/lib/sysusers.d/edgelet.conf",
    "/usr/lib/tmpfiles.d/edgelet.conf",
    "/usr/local/bin/edgelet",
}


def run(*argv: str | Path) -> str:
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def outside_of_opt(root: Path) -> set[str]:
    found = {f"/{path.relative_to(root)}" for path in root.rglob("*") if path.is_symlink() or path.is_file()}
    return {path for path in found if not path.startswith("/opt/")}


def test_installation_is_what_its_list_says_and_can_be_repeated_and_undone(tmp_path: Path) -> None:
    opt = tmp_path / "opt/edgelet"
    run("scripts/install", "--root", tmp_path)
    assert set((opt / "INSTALLED").read_text().split()) == OURS
    assert outside_of_opt(tmp_path) == {*OURS, "/etc/edgelet/edgelet.toml"}
    first = (opt / "venv").readlink()

    command = (opt / "venv/bin/edgelet").read_text()
    assert command.startswith("#!/opt/edgelet/venv/bin/python\n")  # the path on the board, not the one it was made at
    assert (tmp_path / "usr/local/bin/edgelet").readlink() == Path("/opt/edgelet/venv/bin/edgelet")
    assert (opt / "venv/bin/python").is_symlink()  # to the system's own
    assert "0.1" in run(opt / "venv/bin/python", "-m", "edgelet", "version", "--client")
    config = tmp_path / "etc/edgelet/edgelet.toml"
    run(opt / "venv/bin/python", "-m", "edgelet", "config", "check", "--config", config)

    config.write_text("[node]\nname = 'mine'\n")
    run("scripts/install", "--root", tmp_path)
    assert config.read_text() == "[node]\nname = 'mine'\n"
    second = (opt / "venv").readlink()
    assert second != first
    assert {path.name for path in opt.iterdir()} == {"INSTALLED", "docs", "venv", str(second)}

    run("scripts/uninstall", "--root", tmp_path)
    assert outside_of_opt(tmp_path) == {"/etc/edgelet/edgelet.toml"}
    assert not opt.exists()
