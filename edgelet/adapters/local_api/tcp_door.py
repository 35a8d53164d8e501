"""The local API by TCP, for those who asked for it: TLS with certificates on both sides, and a list of names.

Imports ssl, so it is imported only where `[api] tcp_listen` is set.
"""

from __future__ import annotations

import logging
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgelet.api.errors import EdgeletError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpFiles:
    """PEM files. `crl`: revoked client certificates; with it one that is too old refuses everybody."""

    certificate: Path
    key: Path
    client_ca: Path
    crl: Path | None = None

    def state(self) -> tuple[tuple[int, int, int], ...]:
        """Return what changes when a file is replaced. Raises OSError."""
        every = [one.stat() for one in (self.certificate, self.key, self.client_ca, self.crl) if one is not None]
        return tuple((one.st_ino, one.st_size, one.st_mtime_ns) for one in every)


class TcpDoor:
    """Where to listen, and who may come in: client certificates of `client_ca` whose common name is in `clients`."""

    def __init__(self, host: str, port: int, *, files: TcpFiles, clients: frozenset[str]) -> None:
        """Read the files. Raises EdgeletError: CertificateInvalid."""
        self.host = host
        self.port = port
        self._files = files
        self._clients = clients
        try:
            self._state = files.state()
            self._newest = self._make()
        except OSError as error:
            raise EdgeletError(
                "CertificateInvalid", f"cannot use the files of [api] tcp_...: {_words(error)}"
            ) from error
        self.context = self._make()
        self.context.sni_callback = self._hello

    def allows(self, name: str) -> bool:
        """Whether a client whose certificate was verified may ask."""
        return name in self._clients

    def _make(self) -> ssl.SSLContext:
        files = self._files
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_mode = ssl.CERT_REQUIRED
        context.num_tickets = 0  # a resumed session would skip the look at revocations
        context.load_cert_chain(files.certificate, files.key)
        context.load_verify_locations(files.client_ca)
        if files.crl is not None:
            context.load_verify_locations(files.crl)
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
        return context

    def _hello(self, connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _context: ssl.SSLContext) -> None:
        """Take up files that were renewed since, before anything is sent. Unusable ones leave the old in use."""
        try:
            state = self._files.state()
            if state != self._state:
                self._newest, self._state = self._make(), state
                log.info("the certificates of the API were read again")
        except OSError as error:  # ssl.SSLError is one
            log.warning("cannot read the certificates of the API again", extra={"error": _words(error)})
        connection.context = self._newest


def common_name(connection: object) -> str:
    """Return the common name of a verified client certificate, "" where it has none or several."""
    found: Any = connection.getpeercert() if isinstance(connection, (ssl.SSLObject, ssl.SSLSocket)) else None
    names = [value for part in (found or {}).get("subject", ()) for key, value in part if key == "commonName"]
    return str(names[0]) if len(names) == 1 else ""


def _words(error: OSError) -> str:
    reason = getattr(error, "reason", None) or error.strerror or str(error)
    return f"{error.filename}: {reason}" if error.filename else str(reason)
