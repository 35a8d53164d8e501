from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from edgelet.ca.mosquitto import password


def test_a_line_lets_in_its_user_with_his_password_only() -> None:
    line = password.line("bootstrap", "secret")
    assert line.startswith("bootstrap:$7$101$")
    assert password.matches(line, "bootstrap", "secret")
    assert not password.matches(line, "bootstrap", "Secret")
    assert not password.matches(line, "another", "secret")
    assert password.line("bootstrap", "secret") != line  # salted


@pytest.mark.parametrize("text", ["", "x", "bootstrap:", "bootstrap:$7$x$y$z", "bootstrap:$7$1$AAAA$AAAA\nx:y"])
def test_what_is_no_such_line_lets_nobody_in(text: str) -> None:
    assert not password.matches(text, "bootstrap", "secret")


@pytest.mark.mosquitto
def test_mosquittos_own_lines_are_understood(tmp_path: Path) -> None:
    subprocess.run(
        ["mosquitto_passwd", "-b", "-c", str(tmp_path / "p"), "bootstrap", "secret"], check=True, capture_output=True
    )
    assert password.matches((tmp_path / "p").read_text(), "bootstrap", "secret")
