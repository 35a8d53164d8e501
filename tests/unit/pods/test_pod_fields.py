from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.pods import pod_fields


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain ü 日本", '"plain ü 日本"'),
        ('a"b\\c', r'"a\"b\\c"'),
        ("\n\t\r\a\b\f\v", r'"\n\t\r\a\b\f\v"'),
        ("\x00\x7f", r'"\x00\x7f"'),
        ("\u200b\u00a0", r'"\u200b\u00a0"'),
        ("\U000e0001", r'"\U000e0001"'),
    ],
)
def test_text_is_quoted_as_go_does(text: str, expected: str) -> None:
    assert pod_fields.quoted(text) == expected


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126)))
def test_printable_ascii_is_quoted_as_in_json(text: str) -> None:
    assert pod_fields.quoted(text) == json.dumps(text)


def test_maps_are_sorted_lines_without_a_final_newline() -> None:
    assert pod_fields.lines({"b": "2", "a": "1", "a/x": ""}) == 'a="1"\na/x=""\nb="2"'
    assert pod_fields.lines({}) == ""
