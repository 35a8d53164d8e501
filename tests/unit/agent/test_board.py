from __future__ import annotations

from pathlib import Path

import pytest

from edgelet.agent.board import may_lower_oom_score


@pytest.mark.parametrize(
    ("effective", "expected"), [("000001ffffffffff", True), ("00000000a80425fb", False), ("0000000001000000", True)]
)
def test_a_negative_oom_score_takes_a_capability(effective: str, tmp_path: Path, *, expected: bool) -> None:
    file = tmp_path / "status"
    file.write_text(f"Name:\tpython\nCapPrm:\t0\nCapEff:\t{effective}\n")
    assert may_lower_oom_score(file) is expected


def test_without_the_file_nothing_is_allowed(tmp_path: Path) -> None:
    assert not may_lower_oom_score(tmp_path / "none")
