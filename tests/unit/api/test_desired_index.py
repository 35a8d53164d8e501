from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from edgelet.api import desired_index, dsse
from edgelet.api.desired_index import Index, Version
from edgelet.api.errors import DecodeError

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY = b"k" * 32
INDEX = Index(Version(1, 7), NOW, NOW + timedelta(days=1), {"pods/default/web": "0" * 64, "namespaces/shop": "a" * 64})


def document(**changed: Any) -> bytes:
    return json.dumps({**json.loads(desired_index.encode(INDEX)), **changed}).encode()


@pytest.mark.parametrize("keys", [None, {dsse.key_id(KEY): KEY}])
def test_an_index_is_read_as_it_was_written(keys: dict[str, bytes] | None) -> None:
    index = Index(INDEX.version, INDEX.issued, INDEX.expires, INDEX.objects, keys)
    assert desired_index.parse(desired_index.encode(index)) == index


def test_an_epoch_counts_more_than_a_generation() -> None:
    assert Version(1, 9) < Version(2, 0) < Version(2, 1)
    assert str(Version(2, 1)) == "2.1"


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        document(v=2),
        document(v=True),
        document(epoch=-1),
        document(epoch=True),
        document(generation=1.0),
        document(generation=1 << 53),
        document(generation="1"),
        document(expires="soon"),
        document(expires=5),
        document(issued="0001-01-01T00:00:00+01:00"),
        document(objects=[]),
        document(objects={"pods/default/web": "0" * 63}),
        document(objects={"pods/default/web": "A" * 64}),
        document(objects={"": "0" * 64}),
        document(objects={"a\nb": "0" * 64}),
        document(objects={"x" * 601: "0" * 64}),
        document(objects={"pods/default/web": None}),
        document(keys={}),
        document(keys=None),
        document(keys={"00": "a2s="}),
        document(keys={dsse.key_id(KEY): 1}),
        document(critical="new"),
        document().replace(b'"epoch": 1', b'"epoch": 1, "epoch": 2'),
    ],
)
def test_what_is_no_index_of_this_format_is_refused(payload: bytes) -> None:
    with pytest.raises(DecodeError):
        desired_index.parse(payload)
