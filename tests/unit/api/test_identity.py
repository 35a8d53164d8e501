from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.api import identity
from edgelet.api.errors import InvalidObjectError
from edgelet.api.identity import Identity, Role


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("default/pi-01", Identity(Role.NODE, "default", "pi-01")),
        ("acme/_ctl-0", Identity(Role.CONTROLLER, "acme", "ctl-0")),
        ("_registrar/main", Identity(Role.REGISTRAR, "", "main")),
        ("_join/main", Identity(Role.JOIN_BROKER, "", "main")),
    ],
)
def test_a_common_name_says_who_speaks(name: str, expected: Identity) -> None:
    assert identity.parse(name) == expected
    assert expected.common_name == str(expected) == name


@pytest.mark.parametrize(
    "name",
    [
        *("", "/", "a", "a/", "/a", "a/b/c", "a//b", "A/b", "a/B", "a/b ", " a/b", "a/b\n", "a/b\x00", "a/+", "#/b"),
        *("+/+", "a/#", "a/$b", "-a/b", "a/b-", "a.b/c", "a/b.c", "_a/b", "a/__b", "a/_", "_registrar/_a", "_join/"),
        *("_registrar/", "bootstrap", "ä/b", "a/\uff42", "a" * 32 + "/" + "b" * 32, "a" * 64 + "/b"),
    ],
)
def test_whatever_a_topic_filter_or_a_level_could_take_otherwise_is_refused(name: str) -> None:
    with pytest.raises(InvalidObjectError) as caught:
        identity.parse(name)
    assert caught.value.faults[0].path == "commonName"


def test_a_name_may_have_64_characters() -> None:
    assert identity.parse("a" * 31 + "/" + "b" * 32).role is Role.NODE


def test_only_a_node_is_a_node() -> None:
    assert identity.node("a/b").name == "b"
    with pytest.raises(InvalidObjectError, match="names a controller"):
        identity.node("a/_b")


@given(st.text(max_size=70))
def test_what_is_accepted_has_two_levels_and_no_wildcard(name: str) -> None:
    try:
        found = identity.parse(name)
    except InvalidObjectError:
        return
    assert found.common_name == name
    assert len(name) <= 64
    assert name.count("/") == 1
    assert not set(name) & set("+#$% \t\n\r\x00")
