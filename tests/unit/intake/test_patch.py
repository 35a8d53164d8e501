from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.api.errors import DecodeError
from edgelet.intake import merge_patch, patch


@pytest.mark.parametrize(
    ("target", "change", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merges_as_the_examples_of_rfc_7396(target: Any, change: Any, expected: Any) -> None:
    before = copy.deepcopy(target)

    assert merge_patch.apply(target, change) == expected
    assert target == before


_JSON = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(_JSON, _JSON)
def test_a_merge_patch_twice_is_once(target: Any, change: Any) -> None:
    once = merge_patch.apply(target, change)

    assert merge_patch.apply(once, change) == once


def test_json_patches_add_replace_remove_and_test() -> None:
    document = {"metadata": {"labels": {"a": "1"}}, "spec": {"containers": [{"name": "c"}]}}
    operations = [
        {"op": "test", "path": "/metadata/labels/a", "value": "1"},
        {"op": "add", "path": "/metadata/labels/x~1y", "value": "2"},
        {"op": "replace", "path": "/spec/containers/0/name", "value": "d"},
        {"op": "remove", "path": "/metadata/labels/a"},
    ]

    assert patch.apply(document, operations, patch_type="json") == {
        "metadata": {"labels": {"x/y": "2"}},
        "spec": {"containers": [{"name": "d"}]},
    }
    assert document["metadata"] == {"labels": {"a": "1"}}


@pytest.mark.parametrize(
    ("change", "patch_type"),
    [
        ([{"op": "test", "path": "/a", "value": 2}], "json"),
        ([{"op": "remove", "path": "/nope"}], "json"),
        ([{"op": "replace", "path": "/l/9", "value": 2}], "json"),
        ([{"op": "add", "path": "/l/x", "value": 2}], "json"),
        ([{"op": "dance", "path": "/a"}], "json"),
        ([{"path": "/a"}], "json"),
        ([5], "json"),
        ({"a": 1}, "json"),
        ([{"op": "replace", "path": "", "value": 5}], "json"),
        ([{"op": "add", "path": "a", "value": 5}], "json"),
        ([{"op": "add", "path": "/b", "value": 5}] * 10_001, "json"),
        ([1], "merge"),
        ("x", "strategic"),
        ({}, "apply"),
        ({"b": float("inf")}, "merge"),
        ([{"op": "add", "path": "/b", "value": float("nan")}], "json"),
        ([{"op": "add", "path": 5, "value": 5}], "json"),
    ],
)
def test_a_patch_that_does_not_fit_is_refused(change: Any, patch_type: str) -> None:
    with pytest.raises(DecodeError):
        patch.apply({"a": 1, "l": [1]}, change, patch_type=patch_type)


_OPERATIONS = st.lists(
    st.dictionaries(
        st.sampled_from(["op", "path", "value", "from"]),
        st.sampled_from(["add", "remove", "move", "copy", "/a", "/l/0", "/l/-", "", "/", "~"]) | _JSON,
        max_size=4,
    )
    | _JSON,
    max_size=4,
)


@given(_OPERATIONS)
def test_any_json_patch_fits_or_is_refused(operations: Any) -> None:
    try:
        assert isinstance(patch.apply({"a": {"b": 1}, "l": [1]}, operations, patch_type="json"), dict)
    except DecodeError:
        return


@pytest.mark.parametrize("patch_type", ["merge", "strategic"])
def test_a_patch_that_is_nested_too_deep_is_refused(patch_type: str) -> None:
    change: Any = {}
    for _ in range(400):
        change = {"a": change}
    with pytest.raises(DecodeError, match="nested deeper"):
        patch.apply({}, change, patch_type=patch_type)


def test_a_json_patch_that_nests_what_is_there_ever_deeper_is_refused() -> None:
    deeper = [{"op": "add", "path": "/b", "value": {}}, {"op": "move", "from": "/a", "path": "/b/a"}]
    deeper.append({"op": "move", "from": "/b", "path": "/a"})
    with pytest.raises(DecodeError, match=r"nested deeper|recursion"):
        patch.apply({"a": {}}, deeper * 2000, patch_type="json")


def test_a_json_patch_that_doubles_the_document_at_each_step_is_refused() -> None:
    copies = [{"op": "copy", "from": "/a", "path": f"/a/{number}"} for number in range(40)]
    with pytest.raises(DecodeError, match="its copies have more than 3145728 bytes"):
        patch.apply({"a": {"b": 1}}, copies, patch_type="json")


def test_half_a_character_in_a_patch_is_replaced_as_in_a_manifest() -> None:
    assert patch.apply({}, {"a": "\ud800"}, patch_type="merge") == {"a": "\ufffd"}
