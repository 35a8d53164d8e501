"""Whether a message is signed by a key that is trusted: decided before anything else looks at its payload. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from edgelet.api import dsse
from edgelet.api.errors import DecodeError, EdgeletError, ForbiddenError, TooLargeError
from edgelet.ports.bus import Message

Verify = Callable[[bytes, bytes, bytes], bool]  # raw public key, signature, message

_ENVELOPE_OVERHEAD_BYTES = 8 * 1024  # type, topic, eight signatures; the payload itself grows by a third
_SHOWN = 64


def opened(message: Message, *, topic: str, keys: Mapping[str, bytes], verify: Verify, limit_bytes: int) -> Message:
    """Return the message as its signer wrote it: an envelope is taken off, the payload is what was signed.

    Args:
        message: As it came.
        topic: The whole topic it came on, root included.
        keys: Raw public keys that are trusted, by id.
        verify: ports.signatures.
        limit_bytes: The most a payload may have.

    Raises:
        TooLargeError: Longer than the bound; nothing was looked at.
        EdgeletError: Unauthorized (401): not signed, by no key that is trusted, or the signature does not hold.
        ForbiddenError: The signature holds, for another topic.
    """
    if dsse.SIGNATURE in message.properties or dsse.KEY_ID in message.properties:
        return _detached(message, topic=topic, keys=keys, verify=verify, limit_bytes=limit_bytes)
    return _enveloped(message, topic=topic, keys=keys, verify=verify, limit_bytes=limit_bytes)


def _detached(message: Message, *, topic: str, keys: Mapping[str, bytes], verify: Verify, limit_bytes: int) -> Message:
    _check_size(topic, len(message.payload), limit_bytes)
    try:
        signature = dsse.from_base64(message.properties[dsse.SIGNATURE])
        key_id = message.properties[dsse.KEY_ID]
    except (KeyError, ValueError) as error:
        raise _unauthorized(topic, "user properties sig (base64) and keyid go together") from error
    key = keys.get(key_id)
    if key is None:
        raise _unauthorized(topic, f"no key {key_id[:_SHOWN]!r} is trusted here")
    signed = dsse.pae(message.content_type, dsse.signed_body(topic, message.payload))
    if len(signature) != dsse.SIGNATURE_BYTES or not verify(key, signature, signed):
        raise _unauthorized(topic, "its signature does not hold")
    return message


def _enveloped(message: Message, *, topic: str, keys: Mapping[str, bytes], verify: Verify, limit_bytes: int) -> Message:
    _check_size(topic, len(message.payload), limit_bytes * 4 // 3 + _ENVELOPE_OVERHEAD_BYTES)
    try:
        envelope = dsse.decode(message.payload)
    except DecodeError as error:
        raise _unauthorized(topic, "it is not signed, and this board takes only what is") from error
    signed = dsse.pae(envelope.payload_type, envelope.body)
    known = [one for one in envelope.signatures if one.keyid in keys]
    if not known:
        raise _unauthorized(topic, "its envelope is signed by no key that is trusted here")
    if not any(len(one.value) == dsse.SIGNATURE_BYTES and verify(keys[one.keyid], one.value, signed) for one in known):
        raise _unauthorized(topic, "its signature does not hold")
    try:
        meant, payload = dsse.split_body(envelope.body)
    except DecodeError as error:
        raise _unauthorized(topic, error.message) from error
    if meant != topic:
        raise ForbiddenError(f"cannot take {topic[:200]}: it is signed for {meant[:200]}")
    _check_size(topic, len(payload), limit_bytes)
    return replace(message, payload=payload, content_type=envelope.payload_type)


def _check_size(topic: str, size_bytes: int, limit_bytes: int) -> None:
    if size_bytes > limit_bytes:
        raise TooLargeError(f"cannot take {topic[:200]}: {size_bytes} bytes, {limit_bytes} are allowed")


def _unauthorized(topic: str, why: str) -> EdgeletError:
    return EdgeletError("Unauthorized", f"cannot take {topic[:200]}: {why}")
