"""A TLS handshake and nothing after it: does the broker take this certificate, and do we take the broker's?"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

from edgelet.adapters.mqtt import errors, thread_call
from edgelet.adapters.mqtt.endpoint import Endpoint
from edgelet.api.errors import BusError

if TYPE_CHECKING:
    import ssl

_ALERT_S = 3.0  # in TLS 1.3 the broker judges after our side is done: its alert comes a round trip later
_TIMEOUT_S = 60.0


async def attempt(endpoint: Endpoint) -> None:
    """Return when the broker let us in and waits for CONNECT; no MQTT is spoken, so a session is not touched.

    Raises:
        BusError: CertificateInvalid: one of both sides refuses the other's; else the broker is not there.
    """
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            await thread_call.run(lambda: _shake(endpoint), abandoned=lambda: None, name="mqtt-handshake")
    except TimeoutError as error:
        raise errors.unavailable(f"try {endpoint.address}", "no answer in time") from error


def _shake(endpoint: Endpoint) -> None:
    what = f"connect to {endpoint.address} with {endpoint.files.certificate}"
    context = endpoint.tls_context()
    with errors.translated(what):
        address = (endpoint.address.host, endpoint.address.port)
        with socket.create_connection(address, timeout=endpoint.connect_timeout_s) as plain:
            wrapped = context.wrap_socket(plain, server_hostname=endpoint.address.host, do_handshake_on_connect=False)
            with contextlib.closing(wrapped):
                _await_alert(wrapped, what)


def _await_alert(wrapped: ssl.SSLSocket, what: str) -> None:
    """Wait whether the broker closes the connection. Raises BusError or what translated() knows."""
    import ssl  # noqa: PLC0415  OpenSSL: a plain link does without

    wrapped.settimeout(_ALERT_S)
    try:
        closed = not wrapped.recv(1)
    except ssl.SSLError as error:
        reason = getattr(error, "reason", None) or error
        raise BusError("CertificateInvalid", f"cannot {what}: the broker refuses: {reason}") from error
    except ConnectionError as error:
        raise BusError("CertificateInvalid", f"cannot {what}: the broker ends the connection") from error
    except TimeoutError:
        return
    if closed:
        raise BusError("CertificateInvalid", f"cannot {what}: the broker ends the connection")
