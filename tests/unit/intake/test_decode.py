from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edgelet.api.errors import DecodeError, TooLargeError
from edgelet.intake import decode

LIMIT = 64 * 1024


def _read(text: str | bytes) -> tuple[dict[str, Any], ...]:
    return decode.documents(text.encode() if isinstance(text, str) else text, limit_bytes=LIMIT)


def _named(found: tuple[dict[str, Any], ...]) -> list[str]:
    return [document["metadata"]["name"] for document in found]


POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}


def test_reads_json_and_concatenated_json() -> None:
    one = json.dumps(POD)
    two = json.dumps({**POD, "metadata": {"name": "b"}}, indent=1)

    assert _named(_read(one + two + "\n" + one)) == ["a", "b", "a"]


def test_reads_a_yaml_stream_without_its_empty_documents() -> None:
    text = "# only a comment\n---\n{}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\n"

    assert _named(_read(text)) == ["a"]


def test_reads_flow_style_yaml_that_begins_like_json() -> None:
    assert _named(_read('{apiVersion: "v1", kind: Pod, metadata: {name: a,},}')) == ["a"]


def test_takes_lists_apart_also_lists_in_lists() -> None:
    inner = {"apiVersion": "v1", "kind": "List", "items": [POD, {**POD, "metadata": {"name": "b"}}]}
    outer = {"apiVersion": "v1", "kind": "List", "items": [inner, {**POD, "metadata": {"name": "c"}}]}

    assert _named(_read(json.dumps(outer))) == ["a", "b", "c"]


def test_items_of_a_typed_list_need_not_say_what_they_are() -> None:
    [found] = _read('{"apiVersion": "v1", "kind": "PodList", "items": [{"metadata": {"name": "a"}}]}')

    assert found == POD


def test_a_byte_order_mark_is_no_content() -> None:
    assert _named(_read(b"\xef\xbb\xbf" + json.dumps(POD).encode())) == ["a"]


def test_half_a_character_becomes_the_replacement_character_as_in_go() -> None:
    [found] = _read('{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "\\ud800x", "labels": {"\\udc00": "y"}}}')

    assert found["metadata"] == {"name": "\ufffdx", "labels": {"\ufffd": "y"}}


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"", "no objects passed"),
        (b"# nothing\n---\n", "no objects passed"),
        (b"\xff\xfe\x00", "byte 0 is not UTF-8"),
        (b"a: \0", "NUL"),
        (b"5", "found a number"),
        (b"[1]", "found a list"),
        (b"hello", "found a string"),
        (b"true", "found a boolean"),
        (b"a: 1", "Object 'Kind' is missing in the document"),
        (b"kind: 1\napiVersion: v1", "kind is no string"),
        (b"kind: Pod", "Object 'apiVersion' is missing"),
        (b"kind: Pod\napiVersion: v1\n---\nkind: x", "document 2"),
        (b'{"kind": "List", "apiVersion": "v1", "items": [5]}', r"items\[0\] is no object"),
        (b'{"kind": "Pod", "kind": "Pod"}', 'line 1: duplicate key "kind"'),
        (b'{"kind": "Pod", "x": NaN}', "Object 'apiVersion'"),  # NaN is a word in YAML, as for kubectl
        (b'{"kind": "Pod", "apiVersion": "v1", "x": 1e999}', "out of range"),
        (b'{"kind": "Pod"', "line 2"),
        (b"[" * 30000, "nested deeper"),
        (b'{"a":' * 10000, "nested deeper"),
        (b"9" * 5000, "found a string"),
    ],
)
def test_refuses_what_is_no_object_and_says_where(payload: bytes, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        _read(payload)


def test_lists_in_lists_in_lists_end() -> None:
    document: dict[str, Any] = POD
    for _ in range(10):
        document = {"apiVersion": "v1", "kind": "List", "items": [document]}

    with pytest.raises(DecodeError, match="nested deeper than 8"):
        _read(json.dumps(document))


def test_too_much_is_refused_unread() -> None:
    with pytest.raises(TooLargeError, match="at most 65536"):
        _read(b"a" * (LIMIT + 1))


def test_a_patch_is_one_value() -> None:
    assert decode.value(b'[{"op": "remove", "path": "/a"}]', limit_bytes=LIMIT) == [{"op": "remove", "path": "/a"}]
    assert decode.value(b"spec: {a: null}", limit_bytes=LIMIT) == {"spec": {"a": None}}
    with pytest.raises(DecodeError, match="expected one document, found 2"):
        decode.value(b"a: 1\n---\nb: 2", limit_bytes=LIMIT)
    with pytest.raises(TooLargeError):
        decode.value(b" " * 9, limit_bytes=8)


@given(st.binary(max_size=300))
@example(b"\xed\xa0\x80")
@example(b"&a *a")
@example(b"!!binary x")
@example(b'"\\UFFFFFFFF"')
@example(b'"\\ud800"')
@example(b"%YAML 99.9\n---\na")
@example(b"%TAG ! tag:\n--- !x a")
@example(b"!!float a")
@example(b"- !!int 0b")
@example(b"a: !<> b")
@example(b"? \n: ")
def test_any_bytes_are_objects_or_a_decode_error(payload: bytes) -> None:
    try:
        found = _read(payload)
    except DecodeError:
        return
    assert all(isinstance(document["kind"], str) for document in found)


_YAML_BITS = st.sampled_from(
    ["a", ":", " ", "\n", "- ", "{", "}", "[", "]", ",", "&a", "*a", "!!", "'", '"', "\\", "|", ">", "#", "?", "---\n",
     "...", "<<", "0", "1e9", "~", "\t", "%", "@", "`", "!", "\u2028", "\ufeff", "kind: Pod\n", "apiVersion: v1\n",
     "\\ud8"]
)  # fmt: skip


@given(st.lists(_YAML_BITS, max_size=40).map("".join))
def test_any_heap_of_yaml_is_objects_or_a_decode_error(text: str) -> None:
    try:
        found = _read(text)
    except DecodeError:
        return
    json.dumps(found, allow_nan=False).encode()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@given(_JSON)
def test_json_means_the_same_here_as_anywhere(value: Any) -> None:
    document = {**POD, "x": value}

    assert _read(json.dumps(document)) == (json.loads(json.dumps(document)),)
