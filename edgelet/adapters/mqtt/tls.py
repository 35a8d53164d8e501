"""The TLS side of a connection: a fresh context for each, so that renewed files are taken up by reconnecting."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime
from typing import Any

from edgelet.adapters.mqtt import broker_chain
from edgelet.adapters.mqtt.tls_files import TlsFiles
from edgelet.api.errors import BusError
from edgelet.api.revocations import Revocations

NO_CHECK_TIME = 0x200000  # Source: X509_V_FLAG_NO_CHECK_TIME of OpenSSL's x509_vfy.h; Python has no name for it


class _Context(ssl.SSLContext):
    """Shakes hands inside wrap_socket and closes the socket where that fails: paho would leak it."""

    outlive_s: float | None = None
    revoked: Revocations | None = None

    def wrap_socket(self, sock: socket.socket, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        wrapped = super().wrap_socket(sock, *arguments, **options)
        try:
            wrapped.do_handshake()
            if self.outlive_s is not None:
                _judge_end(wrapped, self.outlive_s)
            broker_chain.check(wrapped, self.revoked)
        except BaseException:
            wrapped.close()
            raise
        return wrapped


def make_context(
    files: TlsFiles, *, outlive_s: float | None = None, revoked: Revocations | None = None
) -> ssl.SSLContext:
    """Return a context that demands a broker certificate for the host's name, TLS 1.2 at least.

    Args:
        files: Read now.
        outlive_s: None: OpenSSL judges the dates by the system's clock. Else that clock is not believed: only the end
            of the broker's own certificate is looked at, which has to be after these Unix seconds. Authority and host
            name are checked all the same (measured).
        revoked: A broker that is among these, or stands below one of them, is refused.

    Raises:
        BusError: CertificateInvalid, naming the file that cannot be used.
    """
    context = _Context(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.revoked = revoked
    if outlive_s is not None:
        context.outlive_s = outlive_s
        context.verify_flags |= ssl.VerifyFlags(NO_CHECK_TIME)
    try:
        if files.ca:
            context.load_verify_locations(cafile=files.ca)
        else:
            context.load_default_certs()
    except (OSError, ssl.SSLError) as error:
        raise BusError("CertificateInvalid", f"cannot use CA file {files.ca}: {words(error)}") from error
    if files.certificate:
        try:
            context.load_cert_chain(files.certificate, files.key or None)
        except (OSError, ssl.SSLError) as error:
            names = f"{files.certificate} with key {files.key or files.certificate}"
            raise BusError("CertificateInvalid", f"cannot use client certificate {names}: {words(error)}") from error
    return context


def words(error: OSError) -> str:
    """Return what OpenSSL or the system says, in as few words as they have."""
    reason = getattr(error, "reason", None)
    return str(reason or error.strerror or error)


def _judge_end(wrapped: ssl.SSLSocket, outlive_s: float) -> None:
    shown: Any = wrapped.getpeercert()
    ends_s = ssl.cert_time_to_seconds(shown["notAfter"])
    if ends_s <= outlive_s:
        raise BusError(
            "CertificateExpired",
            f"cannot trust the broker: its certificate ended on {_day(ends_s)}, and it is {_day(outlive_s)} at least; "
            "the broker needs a new one",
        )


def _day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
