from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgelet.cli import tabwriter


def test_columns_align_within_a_block_of_lines() -> None:
    text = "Name:\tweb\nNamespace:\tdefault\nIPs:\n  IP:\t10.0.0.1\n  Longer one:\tx\n"
    assert tabwriter.align(text) == (
        "Name:       web\nNamespace:  default\nIPs:\n  IP:          10.0.0.1\n  Longer one:  x\n"
    )


def test_a_column_ends_where_a_line_has_no_such_cell() -> None:
    assert tabwriter.align("a\tb\tc\naaaa\tb\na\tbbbbb\tc\n") == "a     b  c\naaaa  b\na     bbbbb  c\n"


def test_nothing_stays_nothing() -> None:
    assert tabwriter.align("") == ""
    assert tabwriter.table([]) == ("", ())


def test_a_table_has_columns_of_six_at_least_and_three_spaces_between() -> None:
    text, _ = tabwriter.table([("NAME", "AGE"), ("a", "5s"), ("a-longer-name", "2d")])
    assert text == "NAME            AGE\na               5s\na-longer-name   2d\n"


def test_columns_of_a_table_never_get_narrower() -> None:
    _, widths = tabwriter.table([("a-longer-name", "2d")])
    text, _ = tabwriter.table([("a", "5s")], widths)
    assert text == "a               5s\n"


def test_wide_letters_count_twice() -> None:
    text, _ = tabwriter.table([("漢字漢字", "x"), ("ab", "y")])
    assert text == "漢字漢字   x\nab         y\n"


@given(st.lists(st.lists(st.text(alphabet="ab ", max_size=5), min_size=1, max_size=4), min_size=1, max_size=8))
def test_aligning_only_adds_spaces(rows: list[list[str]]) -> None:
    aligned = tabwriter.align("".join("\t".join(row) + "\n" for row in rows))
    lines = aligned.split("\n")[:-1]
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        assert "".join(line.split()) == "".join("".join(row).split())
