from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.cli import yaml_text
from edgelet.intake import yaml_dialect

TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["y", "N", "yes", "off", "~", "null", "1e3", "0o17", "017", "0x1f", "1_000", "1:30", ".5", "-", "", " a", "a\nb",
     "a\n", "\n", "a: b", "# a", "2026-01-01", "<<", "=", "{}", "true", "+1", "1.", "0b1", ".inf", "a\n b\n"]
)  # fmt: skip
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def test_yaml_looks_as_kubectl_writes_it() -> None:
    document = {
        "b": [{"name": "x", "args": ["a", "b"]}], "a": {"time": "2026-01-01T00:00:00Z", "no": "no", "y": "1"},
        "script": "echo a\necho b\n", "none": None, "empty": {}, "list": [], "on": True,
    }  # fmt: skip
    assert yaml_text.dump(document) == (
        'a:\n  "no": "no"\n  time: "2026-01-01T00:00:00Z"\n  "y": "1"\nb:\n- args:\n  - a\n  - b\n  name: x\n'
        "empty: {}\n"
        'list: []\nnone: null\n"on": true\nscript: |\n  echo a\n  echo b\n'
    )


@given(DOCUMENTS)
def test_what_is_written_is_read_back(document: Any) -> None:
    assert yaml_dialect.read(yaml_text.dump({"value": document})) == [{"value": document}]


@pytest.mark.parametrize("text", ["\x85", "\u2028", "\ufeff", "a\tb\n\tc", "\x7f", "\x00", "a\r\nb"])
def test_letters_that_yaml_does_not_show_are_escaped(text: str) -> None:
    written = yaml_text.dump({"a": text})
    assert written.startswith('a: "')
    assert written.isprintable() or written[:-1].isprintable()
