"""The unit is enabled and started where there is a systemd; elsewhere that is said."""

from pathlib import Path

import pytest

from edgelet.cli.joining import service


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A systemctl that writes down its words and does what a test wants."""
    program = tmp_path / "systemctl"
    program.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/said\n. {tmp_path}/then\n')
    program.chmod(0o755)
    (tmp_path / "then").write_text("")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(service, "_BOOTED", tmp_path)
    return tmp_path


def test_the_unit_is_enabled_and_runs_with_its_new_settings(systemctl: Path) -> None:
    assert service.start() == "edgelet.service is enabled and runs"
    assert (systemctl / "said").read_text() == "enable edgelet.service\nrestart edgelet.service\n"


def test_what_systemctl_complains_about_is_told(systemctl: Path) -> None:
    (systemctl / "then").write_text("echo 'Unit edgelet.service not found.' >&2; exit 1")
    told = service.start()
    assert told == "the agent was not started: systemctl enable edgelet.service: Unit edgelet.service not found."


def test_without_systemd_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_BOOTED", tmp_path / "none")
    assert "there is no systemd here" in service.start()
    monkeypatch.setattr(service, "_BOOTED", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "the agent was not started" in service.start()
