from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.api.errors import EdgeletError
from edgelet.pods import expansion

SCOPE = {"A": "a", "B": "b", "E": "", "R": "$(A)", "odd (name": "x"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(A)", "a"),
        ("___$(A)___$(B)", "___a___b"),
        ("$(A)-1$(A)$(B)", "a-1ab"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$a"),
        ("$$$$(A)", "$$(A)"),
        ("$A", "$A"),
        ("a$b$", "a$b$"),
        ("$", "$"),
        ("$$", "$"),
        ("$(NO)", "$(NO)"),
        ("$()", "$()"),
        ("$(A", "$(A"),
        ("$(A$$", "$(A$"),
        ("$($(A))", "$($(A))"),
        ("foo$(A", "foo$(A"),
        ("$(E)x", "x"),
        ("$(R)", "$(A)"),
        ("$(odd (name)", "x"),
        ("\n$(A)\t", "\na\t"),
    ],
)
def test_references_expand_as_in_kubernetes(text: str, expected: str) -> None:
    assert expansion.expand(text, SCOPE) == expected


def test_the_first_scope_that_knows_a_name_wins() -> None:
    assert expansion.expand("$(A)$(S)", {"A": "own"}, {"A": "service", "S": "s"}) == "owns"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("$(A)", ()), ("$(Z)$(E)", ("E", "Z")), ("$$(Z)", ()), ("$(Z", ()), ("$(Z)$(Z)", ("Z",))],
)
def test_unset_and_empty_references_are_missing(text: str, expected: tuple[str, ...]) -> None:
    assert expansion.missing(text, SCOPE) == expected


@given(st.text())
def test_text_without_dollars_is_left_alone(text: str) -> None:
    clean = text.replace("$", "")
    assert expansion.expand(clean, SCOPE) == clean


@given(st.text())
def test_doubled_dollars_always_give_the_text_itself(text: str) -> None:
    assert expansion.expand(text.replace("$", "$$"), SCOPE) == text


@given(st.text(alphabet="$()AB x"))
def test_expansion_matches_a_reading_character_by_character(text: str) -> None:
    assert expansion.expand(text, SCOPE) == _read(text)


def _read(text: str) -> str:
    """The state machine of Kubernetes' expand.go, as a second opinion."""
    out, at = "", 0
    while at < len(text):
        if text[at] != "$" or at + 1 == len(text):
            out, at = out + text[at], at + 1
        elif text[at + 1] == "$":
            out, at = out + "$", at + 2
        elif text[at + 1] == "(" and (end := text.find(")", at + 2)) >= 0:
            name = text[at + 2 : end]
            out, at = out + SCOPE.get(name, f"$({name})"), end + 1
        else:
            out, at = out + text[at : at + 2], at + 2
    return out


def test_a_text_that_grows_beyond_what_linux_takes_is_refused() -> None:
    scope = {"A": "a" * 50_000}
    assert len(expansion.expand("$(A)$(A)", scope)) == 100_000
    with pytest.raises(EdgeletError, match=r"'\$\(A\)\$\(A\)\$\(A\)' becomes longer than 131072 bytes"):
        expansion.expand("$(A)$(A)$(A)", scope)


def test_words_that_grow_beyond_what_linux_takes_together_are_refused() -> None:
    scope = {"A": "a" * 100_000}
    assert len(expansion.expand_all(["$(A)"] * 60, scope)) == 60
    with pytest.raises(EdgeletError, match="longer than 6291456 bytes together") as refused:
        expansion.expand_all(["$(A)"] * 63, scope)
    assert refused.value.reason == "CreateContainerConfigError"
