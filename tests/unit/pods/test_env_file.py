from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.pods import env_file


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("\n\n  \n", {}),
        ("# A='1'\n  # B='2'", {}),
        ("A='1'", {"A": "1"}),
        ("  A = '1'  \nB='2'\n", {"A": "1", "B": "2"}),
        ("A='line1\nline2'\nB='# no comment'\n", {"A": "line1\nline2", "B": "# no comment"}),
        ("A=''\n", {"A": ""}),
        ("A='1'\r\nB='2'\r\n", {"A": "1", "B": "2"}),
        ("A='a \\n $B \"c\"'", {"A": 'a \\n $B "c"'}),
        ("A='1'\nA='2'", {"A": "2"}),
        ("a.b-c='1'", {"a.b-c": "1"}),
    ],
)
def test_assignments_in_single_quotes_are_read(text: str, expected: dict[str, str]) -> None:
    assert env_file.parse(text.encode()) == expected


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("A=1", 1),
        ('A="1"', 1),
        ("A='1''2'", 1),
        ("A='1'$B", 1),
        ("\nA='1'\nB='2' # comment", 3),
        ("A='1", 1),
        ("nothing", 1),
        ("export A='1'", 1),
        ("A='x\ny'\nB", 3),
    ],
)
def test_every_other_form_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(ValueError, match=f"line {line} "):
        env_file.parse(text.encode())


@given(st.binary(max_size=200))
def test_whatever_is_in_the_file_it_is_read_or_refused(data: bytes) -> None:
    try:
        found = env_file.parse(data)
    except ValueError:
        return
    assert all("'" not in value for value in found.values())


NAMES = st.text(st.sampled_from("ABCdef_019.-"), min_size=1, max_size=8)
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="'"), max_size=20)


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_what_is_written_is_read_back(values: dict[str, str]) -> None:
    text = "".join(f"{name}='{value}'\n" for name, value in values.items())
    assert env_file.parse(text.encode()) == values
