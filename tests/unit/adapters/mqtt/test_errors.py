from __future__ import annotations

import socket
import ssl

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from edgelet.adapters.mqtt import errors
from edgelet.api.errors import BusError

_KINDS = (PacketTypes.CONNACK, PacketTypes.PUBACK, PacketTypes.SUBACK, PacketTypes.DISCONNECT)


def _codes() -> list[int]:
    """Every failure that paho knows for an answer we wait for."""
    found = set()
    for kind in _KINDS:
        for number in range(0x80, 0x100):
            try:
                found.add(ReasonCode(kind, identifier=number).value)
            except (KeyError, ValueError):  # no such code in that packet
                continue
    return sorted(found)


@pytest.mark.parametrize("code", _codes())
def test_every_reason_code_of_the_library_becomes_one_of_our_errors(code: int) -> None:
    error = errors.of_code(code, "publish to x", "words")
    assert isinstance(error, BusError)
    assert "words" in error.message
    assert f"0x{code:02X}" in error.message


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (0x87, "NotAuthorized"),
        (0x86, "NotAuthorized"),
        (0x95, "PacketTooLarge"),
        (0x97, "QuotaExceeded"),
        (0x88, "BrokerUnavailable"),
        (0x80, "BrokerUnavailable"),
    ],
)
def test_reason_codes_that_matter(code: int, reason: str) -> None:
    assert errors.of_code(code, "x", "y").reason == reason


def test_only_what_may_pass_says_when_to_try_again() -> None:
    assert errors.of_code(0x87, "x", "y").retry_after is None
    assert errors.of_code(0x97, "x", "y").retry_after is not None


@pytest.mark.parametrize(
    ("foreign", "reason"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "BrokerUnavailable"),
        (TimeoutError(), "BrokerUnavailable"),
        (socket.gaierror(-2, "Name or service not known"), "BrokerUnavailable"),
        (ssl.SSLCertVerificationError("bad"), "CertificateInvalid"),
        (ssl.SSLError(1, "handshake failure"), "TLSFailed"),
        (ValueError("Invalid host."), "InvalidConfiguration"),
    ],
)
def test_foreign_errors_stop_at_the_border(foreign: Exception, reason: str) -> None:
    if isinstance(foreign, ssl.SSLCertVerificationError):
        foreign.verify_message = "self-signed certificate"
    with pytest.raises(BusError) as caught, errors.translated("connect to mqtt://x:1"):
        raise foreign
    assert caught.value.reason == reason
    assert caught.value.message.startswith("cannot connect to mqtt://x:1: ")


def test_an_alert_of_the_broker_says_what_it_does_not_like_about_our_certificate() -> None:
    text = "failed to receive on socket: [SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca (_ssl.c:2580)"
    found = errors.ended(text)
    assert (found.reason, found.message.rpartition(": ")[2]) == ("CertificateRefused", "unknown ca")
    assert errors.ended("the connection was closed").reason == "BrokerUnavailable"
