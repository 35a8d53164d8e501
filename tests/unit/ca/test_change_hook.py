"""The operator's command runs when there is something to hand on, and again until it ended well."""

from pathlib import Path

import pytest

from edgelet.ca import change_hook
from edgelet.ca.change_hook import ChangeHook


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "ca.crt").write_text("one")
    (tmp_path / "crl.pem").write_text("one")
    return tmp_path


async def test_it_runs_at_first_and_after_each_change(directory: Path) -> None:
    hook = ChangeHook(directory, ("/bin/sh", "-c", f"cat {directory}/crl.pem >> {directory}/out"))
    assert [await hook.look(), await hook.look()] == [True, False]
    (directory / "crl.pem").write_text("two")
    assert [await hook.look(), await hook.look()] == [True, False]
    assert (directory / "out").read_text() == "onetwo"


async def test_a_failure_is_told_and_tried_again(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    hook = ChangeHook(directory, ("/bin/sh", "-c", f"echo no broker; test -e {directory}/go"))
    assert not await hook.look()
    assert "exit code 1: no broker" in caplog.text
    (directory / "go").touch()
    assert await hook.look()


async def test_a_command_that_is_not_there_or_does_not_end_is_told(
    directory: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not await ChangeHook(directory, ("/nonexistent",)).look()
    assert "/nonexistent: No such file" in caplog.text
    monkeypatch.setattr(change_hook, "TIMEOUT_S", 0.1)
    assert not await ChangeHook(directory, ("sleep", "60")).look()
    assert "no end within 0.1 s" in caplog.text


async def test_without_files_nothing_is_run(tmp_path: Path) -> None:
    assert not await ChangeHook(tmp_path, ("/nonexistent",)).look()
