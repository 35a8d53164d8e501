from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.api import names


@pytest.mark.parametrize("name", ["a", "a-b", "0", "a" * 63])
def test_good_labels(name: str) -> None:
    assert names.dns_label(name) is None


@pytest.mark.parametrize("name", ["", "A", "-a", "a-", "a.b", "a_b", "a" * 64, "ä", "a\n", "../x", "a/b"])
def test_bad_labels(name: str) -> None:
    assert names.dns_label(name)


@pytest.mark.parametrize("name", ["a", "a.b-c.d", "a" * 253])
def test_good_subdomains(name: str) -> None:
    assert names.dns_subdomain(name) is None


@pytest.mark.parametrize("name", ["", "a..b", ".a", "a.", "../x", "a/b", "A", "a" * 254, "a\n"])
def test_bad_subdomains(name: str) -> None:
    assert names.dns_subdomain(name)


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (
            names.qualified_name,
            ["a", "A_b.c", "example.com/a", "a/b"],
            ["", "/a", "a/", "a/b/c", "a" * 64, "EX.com/a", "a\n"],
        ),
        (names.label_value, ["", "a", "A.b_c"], ["-a", "a b", "a" * 64]),
        (names.config_map_key, ["a", "A.b-c_d", "..."[:1] + "a"], ["", ".", "..", "..a", "a/b", "a b", "a" * 254]),
        (names.env_var_name, ["A", "a.b-c", "1 2"], ["a=b", "ä", "a\n"]),
        (names.port_name, ["http", "a1", "1a-b"], ["", "1", "a--b", "-a", "a-", "A", "a" * 16]),
    ],
)
def test_other_rules(rule: Callable[[str], str | None], good: list[str], bad: list[str]) -> None:
    assert [rule(name) for name in good] == [None] * len(good)
    assert all(rule(name) for name in bad)


@given(st.text(max_size=80))
def test_a_good_name_is_a_harmless_path_component(name: str) -> None:
    for rule in (names.dns_label, names.dns_subdomain, names.config_map_key):
        if rule(name) is None:
            assert "/" not in name
            assert "\0" not in name
            assert name not in {"", ".", ".."}
