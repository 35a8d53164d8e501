"""Which file a join line is taken from."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgelet.cli.failure import CliError
from edgelet.cli.joining import line_source


def test_the_first_file_that_is_there_is_taken(tmp_path: Path) -> None:
    (tmp_path / "second").write_text("")
    assert line_source.first([str(tmp_path / "first"), str(tmp_path / "second")]) == tmp_path / "second"
    assert line_source.first([str(tmp_path / "first")]) is None


def test_a_directory_is_no_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CliError, match=f"cannot read the join line in {tmp_path}: it is no file"):
        line_source.first([str(tmp_path)])
