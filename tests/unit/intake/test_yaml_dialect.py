from __future__ import annotations

from typing import Any

import pytest
import yaml

from edgelet.api.errors import DecodeError
from edgelet.intake import yaml_dialect


@pytest.fixture(params=["libyaml", "pure Python"], autouse=True)
def _parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Boards without libyaml in their PyYAML must read the same."""
    if request.param == "pure Python":
        monkeypatch.setattr(yaml_dialect, "_FastParser", yaml_dialect._PatientParser)
    else:
        assert yaml.__with_libyaml__


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("01777", 1023),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b11", 3),
        ("08", 8),
        ("-017", -15),
        ("1_000", 1000),
        ("+1", 1),
        ("9223372036854775808", 9223372036854775808),
        ("99999999999999999999", 1e20),
        ("1.5", 1.5),
        (".5", 0.5),
        ("80.0", 80),
        ("1e3", 1000),
        ("y", True),
        ("Y", True),
        ("yes", True),
        ("on", True),
        ("True", True),
        ("n", False),
        ("No", False),
        ("OFF", False),
        ("yEs", "yEs"),
        ("~", None),
        ("null", None),
        ("", None),
        ("NULL", None),
        ("nil", "nil"),
        ("1:30", "1:30"),
        ("190:20:30", "190:20:30"),
        ("2001-12-14", "2001-12-14"),
        ("2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"),
        ("100m", "100m"),
        ("1Gi", "1Gi"),
        ("1.2.3.4", "1.2.3.4"),
        ("-", None),  # a sequence with an empty item
        ("-1", -1),
        ("--", "--"),
        ('"y"', "y"),
        ("'01777'", "01777"),
        ("!!str 5", "5"),
        ("! 5", "5"),
        ("!!int '5'", 5),
        ("!!bool 'yes'", True),
        ("!!binary aGVsbG8=", "hello"),
        ("!custom 5", "5"),
        ('"it\\\'s"', "it's"),
        ("|\n  a\n  b\n", "a\nb\n"),
        (">-\n  a\n  b\n", "a b"),
    ],
)
def test_a_scalar_means_what_it_means_to_kubernetes(text: str, value: Any) -> None:
    if text == "-":
        assert yaml_dialect.read(text) == [[None]]
        return

    [found] = yaml_dialect.read(f"v: {text}")

    assert found == {"v": value}
    assert type(found["v"]) is type(value)


def test_keys_become_strings() -> None:
    [found] = yaml_dialect.read("1: a\ntrue: b\n1.5: c\ny: d_is_bool\nplain: e".replace("y: d_is_bool\n", ""))

    assert found == {"1": "a", "true": "b", "1.5": "c", "plain": "e"}


def test_flow_style_with_trailing_commas_and_comments_is_yaml_too() -> None:
    text = (
        '---\n{\n  apiVersion: "v1",  # a comment\n'
        '  metadata: { name: "a", labels: { app.kubernetes.io/name: "x", }, },\n}\n'
    )

    assert yaml_dialect.read(text) == [
        {"apiVersion": "v1", "metadata": {"name": "a", "labels": {"app.kubernetes.io/name": "x"}}}
    ]


def test_a_stream_has_documents_and_empty_ones() -> None:
    assert yaml_dialect.read("---\n# nothing\n---\na: 1\n---\n---\nb: 2\n...\n") == [None, {"a": 1}, None, {"b": 2}]


def test_merge_keys_give_way_to_what_is_said() -> None:
    [found] = yaml_dialect.read("b: &b {x: 1, y2: 2}\nc: &c {x: 5, z: 6}\nm: {<<: [*b, *c], y2: 3}\n")

    assert found["m"] == {"x": 1, "y2": 3, "z": 6}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: 1\nb: 2\na: 3\n", 'line 3: duplicate key "a"'),
        ("x:\n  1: a\n  '1': b\n", 'line 3: duplicate key "1"'),
        ("a:\n\tb: 1\n", "line 2"),
        ("a: [1, 2", "line [12]"),
        ("a: 'x", "line 1"),
        ("a: *nobody", "alias"),
        ("a: &a [*a]", "an alias .* names nothing that is complete"),
        ("? [1]\n: x", "a key must be"),
        ("? {a: 1}\n: x", "a key must be"),
        ("~: x", "a key must be"),
        ("a: .inf", "no number that JSON knows"),
        ("a: -.INF", "no number that JSON knows"),
        ("a: .nan", "no number that JSON knows"),
        ("a: 1e999", "out of range"),
        ("a: !!int x", "cannot read the value as !!int"),
        ("a: !!bool 5", "cannot read the value as !!bool"),
        ("a: !!binary ///", "base64"),
        ("a: {<<: 5}", "merge key"),
        ("a: b: c", "line 1"),
        ("%FOO\n", "line [12]"),
        ("a: \x01", "control|special"),
        ('a: "\\q"', "unknown escape"),
    ],
)
def test_refuses_with_the_line(text: str, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        yaml_dialect.read(text)


@pytest.mark.parametrize("part", ["[", "{", "- ", "? ", "a: {", "{a: [", "[[],", "- ["])
def test_deep_nesting_ends_at_once(part: str) -> None:
    with pytest.raises(DecodeError, match=r"nested deeper than 100|line 1"):
        yaml_dialect.read(part * 30_000)


def test_a_bomb_of_aliases_is_defused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]

    with pytest.raises(DecodeError, match="more than 100000 values"):
        yaml_dialect.read("\n".join(lines))


def test_of_several_merged_mappings_the_first_wins() -> None:
    assert yaml_dialect.read("{<<: [{a: 1, b: 1}, {a: 2, c: 2}], c: 3}") == [{"a": 1, "b": 1, "c": 3}]
