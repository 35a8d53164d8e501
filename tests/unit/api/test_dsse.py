from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.api import dsse
from edgelet.api.dsse import Envelope, Signature
from edgelet.api.errors import DecodeError


def test_the_encoding_is_that_of_the_dsse_specification() -> None:
    # Source: secure-systems-lab/dsse protocol.md, test vectors.
    expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert dsse.pae("http://example.com/HelloWorld", b"hello world") == expected


@given(st.text(max_size=40), st.binary(max_size=200), st.binary(min_size=64, max_size=64))
def test_an_envelope_is_read_as_it_was_written(kind: str, body: bytes, value: bytes) -> None:
    envelope = Envelope(kind, body, (Signature("ab" * 16, value),))
    assert dsse.decode(dsse.encode(envelope)) == envelope


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), st.binary(max_size=100))
def test_topic_and_payload_come_apart_as_they_were_put_together(topic: str, payload: bytes) -> None:
    assert dsse.split_body(dsse.signed_body(topic, payload)) == (topic, payload)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b"[" * 100_000,
        json.dumps({"payloadType": "t", "payload": "YQ==", "signatures": []}).encode(),
        json.dumps({"payloadType": 1, "payload": "YQ==", "signatures": [{"sig": "YQ=="}]}).encode(),
        json.dumps({"payloadType": "t", "payload": "Y!", "signatures": [{"sig": "YQ=="}]}).encode(),
        json.dumps({"payloadType": "t", "payload": "YQ==", "signatures": ["x"]}).encode(),
        json.dumps({"payloadType": "t", "payload": "YQ==", "signatures": [{"sig": "YQ=="}] * 9}).encode(),
        b'{"payloadType":"t","payloadType":"u","payload":"YQ==","signatures":[{"sig":"YQ=="}]}',
    ],
)
def test_what_is_no_envelope_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        dsse.decode(data)


def test_a_body_without_a_topic_is_refused() -> None:
    for body in (b"", b"payload", b"\xff\0payload"):
        with pytest.raises(DecodeError):
            dsse.split_body(body)
