"""The TLS side of a connection: a fresh context for each, so that renewed files are taken up by reconnecting."""

from __future__ import annotations

import socket
import ssl
from typing import Any

from edgelet.adapters.mqtt.tls_files import TlsFiles
from edgelet.api.errors import BusError


class _Context(ssl.SSLContext):
    """Shakes hands inside wrap_socket and closes the socket where that fails: paho would leak it."""

    def wrap_socket(self, sock: socket.socket, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        wrapped = super().wrap_socket(sock, *arguments, **options)
        try:
            wrapped.do_handshake()
        except BaseException:
            wrapped.close()
            raise
        return wrapped


def make_context(files: TlsFiles) -> ssl.SSLContext:
    """Return a context that demands a broker certificate for the host's name, TLS 1.2 at least.

    Raises:
        BusError: CertificateInvalid, naming the file that cannot be used.
    """
    context = _Context(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if files.ca:
            context.load_verify_locations(cafile=files.ca)
        else:
            context.load_default_certs()
    except (OSError, ssl.SSLError) as error:
        raise BusError("CertificateInvalid", f"cannot use CA file {files.ca}: {_words(error)}") from error
    if files.certificate:
        try:
            context.load_cert_chain(files.certificate, files.key or None)
        except (OSError, ssl.SSLError) as error:
            names = f"{files.certificate} with key {files.key or files.certificate}"
            raise BusError("CertificateInvalid", f"cannot use client certificate {names}: {_words(error)}") from error
    return context


def _words(error: OSError) -> str:
    reason = getattr(error, "reason", None)
    return str(reason or error.strerror or error)
