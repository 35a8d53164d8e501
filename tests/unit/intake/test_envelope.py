from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace

import pytest

from edgelet.adapters.signing.signing_key import SigningKey
from edgelet.adapters.signing.verifier import Ed25519Verifier
from edgelet.api import dsse
from edgelet.api.errors import EdgeletError
from edgelet.intake import envelope, refusal
from edgelet.ports.bus import Message

TOPIC = "edgelet/v1/default/pi-01/desired/pods/default/web"
OTHER = "edgelet/v1/default/pi-02/desired/pods/default/web"
PAYLOAD = b'{"kind": "Pod"}'
KEY, STRANGER = SigningKey.generate(), SigningKey.generate()


def message(payload: bytes = PAYLOAD, properties: Mapping[str, str] | None = None, content_type: str = "t") -> Message:
    return Message(
        topic="desired/pods/default/web",
        payload=payload,
        qos=1,
        retained=True,
        connection=1,
        packet_id=1,
        properties=properties or {},
        content_type=content_type,
    )


def beside(key: SigningKey = KEY, topic: str = TOPIC) -> Message:
    signature = key.sign(dsse.pae("t", dsse.signed_body(topic, PAYLOAD)))
    return message(properties={"sig": base64.b64encode(signature).decode(), "keyid": key.key_id})


def around(*keys: SigningKey, topic: str = TOPIC, payload: bytes = PAYLOAD) -> Message:
    body = dsse.signed_body(topic, payload)
    signatures = tuple(dsse.Signature(key.key_id, key.sign(dsse.pae("t", body))) for key in keys)
    return message(dsse.encode(dsse.Envelope("t", body, signatures)), content_type="")


def opened(one: Message, *, topic: str = TOPIC, limit_bytes: int = 1000) -> Message:
    return envelope.opened(
        one,
        topic=topic,
        keys={KEY.key_id: KEY.public},
        verify=Ed25519Verifier().verify,
        limit_bytes=limit_bytes,
    )


def code_of(one: Message, **more: int | str) -> int:
    with pytest.raises(EdgeletError) as caught:
        opened(one, **more)  # type: ignore[arg-type]  # topic or limit_bytes
    return refusal.code(caught.value)


@pytest.mark.parametrize("one", [beside(), around(KEY), around(STRANGER, KEY)])
def test_what_is_signed_by_a_trusted_key_is_opened(one: Message) -> None:
    assert opened(one).payload == PAYLOAD
    assert opened(one).content_type == "t"


def test_what_is_not_signed_by_a_trusted_key_is_401() -> None:
    for one in (message(), message(b"\xff\xfe"), message(b"["), beside(STRANGER), around(STRANGER)):
        assert code_of(one) == 401
    borrowed = beside(STRANGER)
    assert code_of(replace(borrowed, properties={**borrowed.properties, "keyid": KEY.key_id})) == 401


@pytest.mark.parametrize("name", ["sig", "keyid"])
def test_a_property_that_is_cut_or_gone_is_401_at_every_length(name: str) -> None:
    whole = beside()
    for length in range(len(whole.properties[name])):
        cut = {**whole.properties, name: whole.properties[name][:length]}
        assert code_of(replace(whole, properties=cut)) == 401
    rest = {one: value for one, value in whole.properties.items() if one != name}
    assert code_of(replace(whole, properties=rest)) == 401


def test_every_changed_bit_of_a_payload_is_401() -> None:
    whole = beside()
    for at in range(len(PAYLOAD) * 8):
        changed = bytearray(PAYLOAD)
        changed[at // 8] ^= 1 << at % 8
        assert code_of(replace(whole, payload=bytes(changed))) == 401


def test_another_content_type_is_401() -> None:
    assert code_of(replace(beside(), content_type="application/yaml")) == 401


def test_what_is_signed_for_another_node_is_refused() -> None:
    assert code_of(beside(topic=OTHER)) == 401  # beside the payload nothing says for whom it is
    assert code_of(around(KEY, topic=OTHER)) == 403


def test_nothing_is_looked_at_that_is_too_large() -> None:
    assert code_of(replace(beside(), payload=b"x" * 1001)) == 413
    assert code_of(message(b"x" * 20_000)) == 413
    assert code_of(around(KEY, payload=b"x" * 1001)) == 413
    assert opened(around(KEY, payload=b"x" * 1000)).payload == b"x" * 1000


def test_signatures_beside_the_payload_are_the_only_ones_that_count_where_there_are_some() -> None:
    assert code_of(replace(around(KEY), properties={"sig": "", "keyid": KEY.key_id})) == 401
