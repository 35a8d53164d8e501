from __future__ import annotations

from pathlib import Path

import pytest

from edgelet.adapters.podman import boot_memo


def test_an_answer_is_recalled_as_long_as_what_it_depends_on_is_the_same(tmp_path: Path) -> None:
    binary, memo = tmp_path / "podman", tmp_path / "memo.json"
    binary.write_text("1")
    key = boot_memo.fingerprint([str(binary), "/no/such"], "boot 1", ("--flag",))
    boot_memo.keep(memo, key, {"a": [1]})
    assert boot_memo.recall(memo, boot_memo.fingerprint([str(binary), "/no/such"], "boot 1", ("--flag",))) == {"a": [1]}
    for other in ("boot 2", ("--flag",)), ("boot 1", ()):
        assert boot_memo.recall(memo, boot_memo.fingerprint([str(binary), "/no/such"], *other)) is None
    binary.write_text("an upgrade")
    assert boot_memo.recall(memo, boot_memo.fingerprint([str(binary), "/no/such"], "boot 1", ("--flag",))) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": "k"}', '{"answer": 1}'])
def test_a_damaged_memo_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "m").write_text(text)
    assert boot_memo.recall(tmp_path / "m", "k") is None
    assert boot_memo.recall(tmp_path / "absent", "k") is None
