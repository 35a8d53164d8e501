"""What paho, the socket and the broker's reason codes are called on our side of the border."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from edgelet.api.errors import BusError

_SOON = timedelta(seconds=5)
_ALERT = re.compile(r"\[SSL: (?:SSLV3|TLSV1|TLSV13)_ALERT_([A-Z_]+)\]")
_DATES = (9, 10)  # Source: X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED of OpenSSL

# MQTT v5 reason codes of CONNACK, PUBACK, SUBACK and DISCONNECT that mean more than "try again later".
_REASONS: dict[int, str] = {
    0x86: "NotAuthorized",  # bad user name or password
    0x87: "NotAuthorized",
    0x8A: "NotAuthorized",  # banned
    0x8C: "NotAuthorized",  # bad authentication method
    0x85: "InvalidClientId",
    0x8E: "SessionTakenOver",
    0x8F: "InvalidTopic",
    0x90: "InvalidTopic",
    0x95: "PacketTooLarge",
    0x97: "QuotaExceeded",
    0x96: "QuotaExceeded",  # message rate too high
    0x99: "InvalidPayload",
    0x84: "UnsupportedProtocol",
    0x9A: "UnsupportedProtocol",  # retain not supported
    0x9B: "UnsupportedProtocol",  # QoS not supported
    0x9E: "UnsupportedProtocol",  # shared subscriptions
    0xA1: "UnsupportedProtocol",  # subscription identifiers
    0xA2: "UnsupportedProtocol",  # wildcard subscriptions
}


def of_code(code: int, what: str, text: str) -> BusError:
    """Return the error for a broker's reason code; `text` is the code's name, `what` the thing that was refused."""
    reason = _REASONS.get(code, "BrokerUnavailable")
    retry_after = _SOON if reason in {"BrokerUnavailable", "QuotaExceeded"} else None
    return BusError(reason, f"cannot {what}: the broker says {text} (0x{code:02X})", retry_after=retry_after)


def unavailable(what: str, why: str) -> BusError:
    """Return the error for a broker that is not there."""
    return BusError("BrokerUnavailable", f"cannot {what}: {why}", retry_after=_SOON)


def ended(reason: str) -> BusError:
    """Return the error for a connection that ended before an answer came, with what paho or OpenSSL said.

    In TLS 1.3 the broker judges our certificate after our side of the handshake is done: what it says then comes here.
    """
    if found := _ALERT.search(reason):
        alert = found[1].lower().replace("_", " ")
        return BusError("CertificateRefused", f"cannot connect: the broker refuses our certificate: {alert}")
    return unavailable("talk to the broker", reason)


def give(waiting: asyncio.Future[Any], error: BusError) -> None:
    """Have whoever waits get an error; nothing where it is over already."""
    if not waiting.done():
        waiting.set_exception(error)
        waiting.exception()  # it may be that nobody waits any more


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn what socket, TLS and paho raise while connecting into BusError."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise BusError(
            "CertificateInvalid" if getattr(error, "verify_code", 0) not in _DATES else "CertificateExpired",
            f"cannot {what}: the broker's certificate is refused: {getattr(error, 'verify_message', error)}",
        ) from error
    except ssl.SSLError as error:
        words = getattr(error, "reason", None) or error
        raise BusError("TLSFailed", f"cannot {what}: TLS: {words}", retry_after=_SOON) from error
    except socket.gaierror as error:
        raise unavailable(what, f"the name does not resolve: {error.strerror or error}") from error
    except TimeoutError as error:
        raise unavailable(what, "no answer in time") from error
    except OSError as error:
        raise unavailable(what, error.strerror or str(error)) from error
    except ValueError as error:  # paho's and ssl's word for arguments they do not take
        raise BusError("InvalidConfiguration", f"cannot {what}: {error}") from error
