"""Requests and replies of enrolment: what is written is read again, what is wrong is refused with its field."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.api import enrolment, enrolment_topics, pae
from edgelet.api.enrolment import CaBundle, JoinRequest, RenewRequest, Reply, TimeRequest
from edgelet.api.strict_fields import MessageError

CSR = "-----BEGIN CERTIFICATE REQUEST-----\nTUlJ\n-----END CERTIFICATE REQUEST-----\n"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----\n"
NONCE = "0123456789abcdef" * 2
KEYS = enrolment.token_keys(b"s" * 32)
JOIN = JoinRequest(token="00" * 8, node="default/pi-01", csr=CSR, nonce=NONCE).maced(KEYS)
RENEW = RenewRequest(node="default/pi-01", csr=CSR, nonce=NONCE, certificate=CERTIFICATE, signature="TUlJ")
REPLY = Reply(
    nonce=NONCE, code=200, time=1_800_000_000, certificate=CERTIFICATE, ca=CERTIFICATE * 2, signer=CERTIFICATE
)


@pytest.mark.parametrize("request_", [JOIN, RENEW, TimeRequest(nonce=NONCE)])
def test_a_request_is_read_as_it_was_written(request_: enrolment.Request) -> None:
    assert enrolment.decode_request(enrolment.encode_request(request_)) == request_


def test_a_reply_is_read_as_it_was_written() -> None:
    refusal = Reply(nonce=NONCE, code=403, time=1, reason="Forbidden", message="cannot: für dich nicht")
    for reply in (REPLY, REPLY.maced(KEYS), refusal):
        assert enrolment.decode_reply(enrolment.encode_reply(reply)) == reply


def test_a_bundle_is_read_as_it_was_written() -> None:
    bundle = CaBundle(bundle=CERTIFICATE * 2, epoch=7, signer=CERTIFICATE, signature="TUlJ")
    assert enrolment.decode_ca(enrolment.encode_ca(bundle)) == bundle


def test_the_largest_messages_fit_into_the_bound() -> None:
    large = "-----BEGIN CERTIFICATE-----\n" + ("A" * 64 + "\n") * 120 + "-----END CERTIFICATE-----\n"
    assert len(large) < enrolment.MAX_CERTIFICATES_CHARACTERS
    assert enrolment.decode_reply(enrolment.encode_reply(replace(REPLY, ca=large))).ca == large


@pytest.mark.parametrize("field", ["token", "node", "csr", "nonce"])
def test_whatever_of_a_join_request_is_changed_its_mac_no_longer_holds(field: str) -> None:
    assert JOIN.is_authentic(KEYS)
    changed = replace(JOIN, **{field: getattr(JOIN, field) + "0"})
    assert not changed.is_authentic(KEYS)
    assert not JOIN.is_authentic(enrolment.token_keys(b"t" * 32))


def test_whatever_of_a_reply_is_changed_its_mac_no_longer_holds() -> None:
    reply = REPLY.maced(KEYS)
    assert reply.is_authentic(KEYS)
    for name in ("nonce", "reason", "message", "certificate", "ca", "signer", "signature"):
        assert not replace(reply, **{name: getattr(reply, name) + "x"}).is_authentic(KEYS), name
    assert not replace(reply, code=201).is_authentic(KEYS)
    assert not replace(reply, time=reply.time + 1).is_authentic(KEYS)


def test_a_requests_mac_is_no_replys_mac() -> None:
    assert KEYS.request != KEYS.reply
    assert b"s" * 32 not in {KEYS.request, KEYS.reply}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("v", 2),
        ("v", True),
        ("kind", "revoke"),
        ("token", "../../../etc/pass"),
        ("node", "default"),
        ("node", "default/_registrar"),
        ("node", "a/b/c"),
        ("node", "a/" + "b" * 63),
        ("csr", CSR.replace("\n", "\r\n")),
        ("csr", CERTIFICATE),
        ("csr", CSR + CSR),
        ("csr", None),
        ("csr", 7),
        ("nonce", NONCE.upper().replace("0", "G")),
        ("nonce", NONCE + "\n"),
        ("mac", ""),
        ("mac", "0" * 63),
        ("extra", "field"),
    ],
)
def test_what_is_wrong_in_a_request_is_named(field: str, value: Any) -> None:
    document = {**json.loads(enrolment.encode_request(JOIN)), field: value}
    with pytest.raises(MessageError) as refused:
        enrolment.decode_request(json.dumps(document).encode())
    assert refused.value.field == field
    assert refused.value.reason == "BadRequest"


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"null", b"\xff", b"[" * 16_000, b'{"v":1,"v":1}', b'{"v":NaN}', b'{"v":' + b"9" * 5000 + b"}"],
)
def test_bytes_that_are_no_message_are_refused(payload: bytes) -> None:
    for decode in (enrolment.decode_request, enrolment.decode_reply, enrolment.decode_ca):
        with pytest.raises(MessageError):
            decode(payload)


def test_more_than_the_bound_is_not_even_looked_at() -> None:
    with pytest.raises(MessageError, match="at most 16384"):
        enrolment.decode_request(enrolment.encode_request(JOIN) + b" " * 16_384)


def test_the_nonce_of_a_request_that_is_not_understood_is_found() -> None:
    assert enrolment.nonce_of(json.dumps({"v": 9, "nonce": NONCE}).encode()) == NONCE
    assert enrolment.nonce_of(b'{"nonce": "x"}') == ""
    assert enrolment.nonce_of(b"{") == ""


@given(st.lists(st.binary(max_size=12), max_size=4), st.lists(st.binary(max_size=12), max_size=4))
def test_two_lists_of_parts_never_have_the_same_encoding(one: list[bytes], other: list[bytes]) -> None:
    assert (pae.encode(*one) == pae.encode(*other)) == (one == other)


def test_a_topic_says_where_the_answer_goes() -> None:
    boot = enrolment_topics.origin("edgelet/v1", f"edgelet/v1/_bootstrap/{NONCE}/csr")
    assert boot is not None
    assert (boot.reply_topic, boot.node) == (f"edgelet/v1/_bootstrap/{NONCE}/cert", "")
    live = enrolment_topics.origin("edgelet/v1", "edgelet/v1/default/pi-01/cert/csr/a-1")
    assert live is not None
    assert (live.reply_topic, live.node) == ("edgelet/v1/default/pi-01/cert/issued/a-1", "default/pi-01")


@pytest.mark.parametrize(
    "topic",
    [
        "other/v1/_bootstrap/" + NONCE + "/csr",
        "edgelet/v1/_bootstrap/short/csr",
        "edgelet/v1/default/pi-01/cert/csr/ca",
        "edgelet/v1/default/pi-01/cert/csr/",
        "edgelet/v1/default/Pi/cert/csr/1",
        "edgelet/v1/_bootstrap/x/cert/csr/1",
    ],
)
def test_a_topic_that_is_no_request_has_no_answer(topic: str) -> None:
    assert enrolment_topics.origin("edgelet/v1", topic) is None
