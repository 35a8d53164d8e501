"""What comes on the topics of joining and renewal, from whomever: a request, a reply, a CA bundle."""

from __future__ import annotations

from edgelet.api import enrolment
from edgelet.api.strict_fields import MessageError

_KEYS = enrolment.token_keys(b"k" * 32)


def try_input(data: bytes) -> None:
    """What is read can be written and read again; what it covers can be written too."""
    assert len(enrolment.nonce_of(data)) in {0, enrolment.NONCE_CHARACTERS}
    try:
        request = enrolment.decode_request(data)
    except MessageError:
        pass
    else:
        assert enrolment.decode_request(enrolment.encode_request(request)) == request
        if isinstance(request, enrolment.JoinRequest):
            assert not request.is_authentic(_KEYS)
            assert request.maced(_KEYS).is_authentic(_KEYS)
    try:
        reply = enrolment.decode_reply(data)
    except MessageError:
        pass
    else:
        assert enrolment.decode_reply(enrolment.encode_reply(reply)) == reply
        assert not reply.is_authentic(_KEYS)
        assert reply.maced(_KEYS).is_authentic(_KEYS)
    try:
        bundle = enrolment.decode_ca(data)
    except MessageError:
        return
    assert enrolment.decode_ca(enrolment.encode_ca(bundle)) == bundle
    assert bundle.covered()
